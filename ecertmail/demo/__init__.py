"""`make demo`: two nodes on this machine, one exchange from end to end, and a forgery; an observer from the outside.

It uses nothing but the commands and the mail that any user has, and believes only what it has seen.
"""
