"""Backup: a folder with everything that one node is made of, made while the daemon runs, and put back from it.

| module | does |
|---|---|
| `sources` | which files belong to a node |
| `manifest` | what a backup holds, with the hash of every file |
| `make` | makes a backup |
| `restore` | puts it back |
| `last` | when the last one was made |
"""
