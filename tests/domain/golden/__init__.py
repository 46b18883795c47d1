"""Checkers of the golden values, by formula.

A module here exports `CHECKERS: dict[str, Checker]`, keyed by group name, or `engine_scores.<list>` for a list of that
group. A checker gets one case and the group it belongs to (a group without cases is its own only case), computes, and
asserts with `compare.expect`.
"""
