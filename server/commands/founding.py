"""found: a new organisation, with the person who will add all the others."""

from __future__ import annotations

import click

from server.commands.desk import Desk, at_desk
from server.keys import new_id
from server.services.accounts import open_account
from server.services.rules_of_service import write_presets
from server.services.verdicts import expect_taken_in
from server.store.database import reading, writing
from server.store.devices import read_organisation
from sync.changeset import Change


@click.command()
@click.argument("name")
@click.option("--admin", required=True, metavar="PERSON", help="管理员姓名。/ Name of the administrator.")
@click.option("--login", required=True, help="管理员登录名。/ Login of the administrator.")
@click.password_option(help="管理员密码，不给则询问。/ Password; asked for when left out.")
@at_desk
def found(desk: Desk, name: str, admin: str, login: str, password: str) -> None:
    """新建组织 NAME 和它的管理员。 / Create the organisation NAME and its administrator."""
    organisation = desk.office.found(name)
    with reading(desk.engine) as connection:
        founder = read_organisation(connection, organisation).office_person
    person = new_id()
    values = {"name": admin, "roles": ["admin"], "active": True}
    change = Change("person", person, "create", values, {})
    expect_taken_in(desk.office.write(organisation, founder, "person.create", [change]))
    write_presets(desk.office, organisation, founder)
    with writing(desk.engine) as connection:
        open_account(connection, organisation, person, login, password)
    desk.voice.say(
        f"已建立组织“{name}”，管理员登录名 {login}。",
        f"Organisation '{name}' is there; {login} signs in as its administrator.",
    )
