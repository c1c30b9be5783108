"""Showing lines that hold what strangers wrote: nothing in them is obeyed by the terminal."""

from __future__ import annotations

import click

from schemas.shown_text import show_text


def echo(text: str, *, err: bool = False) -> None:
    """Show a line, on the error output if asked."""
    click.echo(show_text(text), err=err)


def secho(text: str, *, fg: str, err: bool = False) -> None:
    """Show a line in a colour."""
    click.secho(show_text(text), fg=fg, err=err)
