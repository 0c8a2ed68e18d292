"""`python -m bench.scale full|quick FOLDER`: print figures as JSON, in namespaces of its own."""

from __future__ import annotations

import sys

from bench.inside import Tell, main, say
from bench.scale import held_figures, logins
from bench.scale.held import held
from bench.scale.plan import FULL_PLAN, QUICK_PLAN
from bench.scale.registered import prepared


async def scale(user: str, quick: bool, tell: Tell) -> None:
    plan = QUICK_PLAN if quick else FULL_PLAN
    async with prepared(plan, user, logins.SELDOM) as server:
        say(f"up to {plan.registered[-1]} nodes are registered")
        grown = await logins.grown(server, plan)
        for figure in logins.figures(grown):
            tell(figure)
        found = await held(server, grown.members, plan)
        for figure in held_figures.figures(found, plan.registered[-1]):
            tell(figure)


if __name__ == "__main__":
    sys.exit(main(scale))
