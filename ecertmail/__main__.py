"""The command `ecertmail`."""

from ecertmail.cli import main

if __name__ == "__main__":
    main()
