"""Opt-outs: clients who want no messages, files of them, and the rules about consent and caps."""

from web.pages.opt_outs import files, rules, table

__all__ = ["files", "rules", "table"]
