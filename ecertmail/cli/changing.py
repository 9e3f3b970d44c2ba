"""Changes from the command line: only one process may write the databases, so the running daemon is asked first."""

from ecertmail import clock
from ecertmail.config import Config
from ecertmail.edge import control


def change(config: Config, request: dict[str, str]) -> None:
    """Let the daemon do it, or do it here when none runs."""
    if control.ask(config.spool / "control.sock", request) is not None:
        return
    _write(config, request)


def _write(config: Config, request: dict[str, str]) -> None:
    from ecertmail import assemble, commands
    from ecertmail.edge import log
    from ecertmail.store.ledger import SqliteLedger
    from ecertmail.store.spool import SqliteSpool

    with assemble.locked(config):
        spool, ledger = SqliteSpool(config.spool / "spool.db"), SqliteLedger(config.spool / "ledger.db")
        try:
            commands.carry_out(request, config, spool, ledger, log.make("human", "warning"), clock.now())
        finally:
            spool.close()
            ledger.close()
