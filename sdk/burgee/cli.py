"""The command line: `burgee demo, serve, keys, import, flags, events, lab`. Thin: it parses, calls and prints."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

import burgee
from burgee.core.errors import BurgeeError, InvalidInputError, MissingExtraError
from burgee.core.json import dumps
from burgee.core.periods import check_period

if TYPE_CHECKING:
    import pandas as pd

    from burgee.workspace import Tenant, Workspace

app = typer.Typer(
    name="burgee",
    help="Feature flags and event streams for analysts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="API keys of a workspace on this machine.", no_args_is_help=True)
app.add_typer(keys, name="keys")
events = typer.Typer(help="The events of a tenant.")
app.add_typer(events, name="events")

out = Console()
err = Console(stderr=True)

Where = Annotated[
    str | None,
    typer.Option("--workspace", "-w", help="A folder or a server's URL; by default BURGEE_WORKSPACE, else ./.burgee."),
]
TenantId = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]
Token = Annotated[
    str | None, typer.Option("--token", help="API key for a server; better given as BURGEE_TOKEN.", show_envvar=False)
]


@app.command()
def demo(
    file: Annotated[Path | None, typer.Argument(help="A clickstream of your own instead of the sample shop.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the workspace and the report go.")] = Path("demo"),
    stream: Annotated[str, typer.Option(help="The column that names the users.")] = "user_id",
    type: Annotated[str, typer.Option(help="The column of event types.")] = "event",
    time: Annotated[str, typer.Option(help="The column of times.")] = "timestamp",
) -> None:
    """Show burgee on a sample shop: import, roll out a flag, funnel by variant, history, an HTML report."""
    with _plainly():
        from burgee.demo import run

        run(out, folder=folder, file=file, stream=stream, type=type, time=time)


@app.command()
def serve(
    workspace: Where = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8321,
) -> None:
    """Serve a workspace over HTTP. Keys are made with `burgee keys create`."""
    with _plainly():
        try:
            from burgee.server.run import serve as run
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"burgee serve ({error.name} is not installed)", "server") from None
        run(workspace, host=host, port=port)


@keys.command("create")
def create_key(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="The one tenant the key reaches.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="A key that reaches every tenant.")] = False,
    name: Annotated[str, typer.Option(help="Who will use it; shown in the history of changes.")] = "",
    workspace: Where = None,
) -> None:
    """Make an API key. It is printed once and stored only as a hash."""
    with _plainly():
        if (tenant is None) == (not admin):
            raise InvalidInputError("give --tenant T or --admin, one of the two")
        with _embedded(workspace) as ws:
            made = ws.create_key(tenant=tenant, name=name or tenant or "admin")
        err.print(f"key {made.info.id} for {tenant or 'everything (admin)'}; it is shown this once:")
        out.print(made.key.get_secret_value(), soft_wrap=True, highlight=False)


@keys.command("list")
def list_keys(workspace: Where = None, token: Token = None) -> None:
    """The keys there are."""
    with _plainly(), burgee.open(workspace, token=token) as ws:
        _print(ws.keys(), "Keys")


@keys.command("revoke")
def revoke_key(id: Annotated[str, typer.Argument()], workspace: Where = None, token: Token = None) -> None:
    """Take a key's power away, for good."""
    with _plainly(), burgee.open(workspace, token=token) as ws:
        ws.revoke_key(id)
        out.print(f"revoked {id}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, NDJSON or Parquet; also compressed with gzip.")],
    tenant: TenantId,
    stream: Annotated[str, typer.Option(help="The column whose values name the streams.")],
    type: Annotated[str, typer.Option(help="The column of event types.")],
    time: Annotated[str, typer.Option(help="The column of times.")],
    id: Annotated[str | None, typer.Option(help="The column of event ids; without one, made from the content.")] = None,
    workspace: Where = None,
    token: Token = None,
) -> None:
    """Import a file of events. Can be run again: what is stored already is left out."""
    with _plainly(), burgee.open(workspace, token=token) as ws:
        acme = _tenant(ws, tenant)
        done = acme.events.import_file(file, stream=stream, type=type, time=time, id=id)
        out.print(f"{done.stored:,} events stored, {done.known:,} were stored already")


@app.command()
def flags(
    key: Annotated[str | None, typer.Argument(help="One flag: its history.")] = None,
    *,
    tenant: TenantId,
    workspace: Where = None,
    token: Token = None,
) -> None:
    """The flags of a tenant, or the history of one."""
    with _plainly(), burgee.open(workspace, token=token) as ws:
        acme = ws.tenant(tenant)
        if key is None:
            _print(acme.flags.frame(), f"Flags of {tenant}")
        else:
            _print(acme.flags[key].history().frame(), f"History of {key}")


@events.callback(invoke_without_command=True)
def ask_events(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="The tenant's id.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only these types; prefixes like 'order.*' too.")] = None,
    per: Annotated[str | None, typer.Option(help="Count per minute, hour, day, week, month, quarter or year.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="Count by type, stream or payload fields.")] = None,
    funnel: Annotated[str | None, typer.Option(help="Steps of a funnel, separated by commas.")] = None,
    actor: Annotated[str, typer.Option(help="What an actor of the funnel is.")] = "stream",
    limit: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 50,
    workspace: Where = None,
    token: Token = None,
) -> None:
    """Count the events of a tenant, by type unless asked otherwise, or take a funnel."""
    if context.invoked_subcommand is not None:
        return
    with _plainly(), burgee.open(workspace, token=token) as ws:
        if tenant is None:
            raise InvalidInputError("whose events?", hint="give --tenant T")
        query = ws.tenant(tenant).events.query(type or ())
        if funnel is not None:
            _print(query.funnel([step.strip() for step in funnel.split(",")], by=actor).frame(), "Funnel")
            return
        question = query.by(*(by or ([] if per else ["type"])))
        frame = (question if per is None else question.per(check_period(per))).frame()
        _print(frame.head(limit), f"Events of {tenant}: {query.count():,}")


@events.command("tail")
def tail_events(
    tenant: TenantId,
    type: Annotated[list[str] | None, typer.Option(help="Only these types; prefixes like 'order.*' too.")] = None,
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    after: Annotated[int | None, typer.Option(min=0, help="Begin behind this position; 0: with the first.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="End after so many seconds without any.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON object per line, for other programs.")] = False,
    workspace: Where = None,
    token: Token = None,
) -> None:
    """Print events as they are stored, until interrupted: a line each."""
    with _plainly(), contextlib.suppress(KeyboardInterrupt), burgee.open(workspace, token=token) as ws:
        log = ws.tenant(tenant).events
        with log.tail(type or (), stream=stream, after=after, limit=limit, timeout=timeout) as tail:
            for event in tail:
                out.file.write(f"{_json_line(event) if json else _line(event)}\n")
                out.file.flush()


@app.command()
def lab(folder: Annotated[Path, typer.Argument(help="Where the notebooks are.")] = Path()) -> None:
    """Open JupyterLab."""
    with _plainly():
        try:
            from jupyterlab.labapp import main as jupyterlab
        except ModuleNotFoundError:
            hint = "pip install jupyterlab"
            raise BurgeeError("JupyterLab is not installed", hint=hint) from None
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # as in containers, where Jupyter would refuse
        sys.argv = ["jupyter-lab", str(folder), *(["--allow-root"] if as_root else [])]
        jupyterlab()


def main() -> None:
    """The entry point of the `burgee` command."""
    # What Ctrl-C kept from starting is nothing to tell who pressed it.
    warnings.filterwarnings("ignore", r"coroutine .* was never awaited", RuntimeWarning)
    app()


def _tenant(ws: "Workspace", id: str) -> "Tenant":
    """The tenant, made where it is not there: an import is often the first thing done."""
    try:
        return ws.tenant(id)
    except burgee.NotFoundError:
        return ws.tenants.create(id)


def _json_line(event: burgee.StoredEvent) -> str:
    return dumps({name: getattr(event, name) for name in event.__slots__}, sort=False)


def _line(event: burgee.StoredEvent) -> str:
    """An event on one line: when, what, whose, and the payload."""
    at = event.occurred_at.strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}  {event.position:>8}  {event.stream:<20}  {event.type:<20}  {dumps(event.data)}"


def _embedded(workspace: str | None) -> "Workspace":
    ws = burgee.open(workspace)
    if not ws.embedded:
        raise InvalidInputError("keys are made on the server's own machine", hint="give its folder: --workspace DIR")
    return ws


def _print(frame: "pd.DataFrame", title: str) -> None:
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    out.print(table)


def _cell(value: object) -> str:
    """A value as people read it: nothing for what is missing, four digits of a fraction."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN and NaT differ from themselves
        return ""
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@contextmanager
def _plainly() -> Iterator[None]:
    """Errors of burgee as a line each, and exit code 1; others keep their traceback."""
    try:
        yield
    except BurgeeError as error:
        err.print(f"[red]error:[/red] {error.message}", highlight=False)
        for hint in error.hints:
            err.print(f"  {hint}", highlight=False)
        if error.request_id is not None:
            err.print(f"  request {error.request_id}", highlight=False)
        raise typer.Exit(1) from None
