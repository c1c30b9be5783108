"""Who must show a second factor, and how many admins an organisation keeps: its own rules of access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.people import OFFICE_ROLES
from server.domain.authority import is_admin

ADMINS_LEAST: Final = 1
ADMINS_MOST: Final = 9

STRONG_METHODS: Final = frozenset({"password+totp", "password+recovery", "oidc+totp", "oidc+recovery", "oidc+factor"})
"""Ways of signing in that took two factors; of ``oidc+factor`` the provider says so."""

METHOD_LABELS: Final[dict[str, tuple[str, str]]] = {
    "password": ("密码", "password"),
    "oidc": ("单位账号", "provider"),
    "password+totp": ("密码和验证码", "password and code"),
    "password+recovery": ("密码和恢复码", "password and recovery code"),
    "oidc+totp": ("单位账号和验证码", "provider and code"),
    "oidc+recovery": ("单位账号和恢复码", "provider and recovery code"),
    "oidc+factor": ("单位账号（含两步验证）", "provider with second factor"),
}


@dataclass(frozen=True, slots=True)
class AccessRules:
    """An organisation's rules of access."""

    second_factor_roles: frozenset[str] = field(default_factory=frozenset)
    """Whoever has one of these roles signs in with two factors."""
    admins_least: int = ADMINS_LEAST
    """So many people who may sign in as admins remain, whatever is changed."""

    def needs_factor(self, roles: frozenset[str], method: str) -> bool:
        """Tell whether somebody with these roles has yet to show a second factor."""
        return method not in STRONG_METHODS and not self.second_factor_roles.isdisjoint(roles)


def read_rules(stored: Mapping[str, str]) -> AccessRules:
    """Return the rules as they were stored; what cannot be read is as if it were not set."""
    roles = frozenset(stored.get("second_factor_roles", "").split(",")) & set(OFFICE_ROLES)
    least = stored.get("admins_least", "")
    known = least.isascii() and least.isdigit() and ADMINS_LEAST <= int(least) <= ADMINS_MOST
    return AccessRules(roles, int(least) if known else ADMINS_LEAST)


def spell_rules(rules: AccessRules) -> dict[str, str]:
    """Return rules as they are stored."""
    roles = ",".join(role for role in OFFICE_ROLES if role in rules.second_factor_roles)
    return {"second_factor_roles": roles, "admins_least": str(rules.admins_least)}


def is_working_admin(body: Mapping[str, Any], is_let_in: bool) -> bool:
    """Tell whether a person's record and account let him work as an admin."""
    return is_let_in and is_admin(body)
