"""A flag rolled out over a frame of users: who is in it, why, and what a higher percentage changes.

Run it as it is: `python examples/rollout.py`. It leaves nothing behind.
"""

import pandas as pd

import burgee

users = burgee.samples.users(n=5000)

with burgee.open("memory://", actor="ada") as ws:
    acme = ws.tenants.create("acme", name="Acme Ltd")

    flag = acme.flags.create("one-page-checkout", variants={"control": 50, "treatment": 50}, why="fewer clicks to pay")
    flag = flag.target("plan", "eq", "pro", serve="treatment", name="early access", why="they asked for it")
    flag = flag.rollout(10, why="a first look").enable()

    for plan in ("pro", "free"):
        answer = flag.evaluate({"id": "u0001", "plan": plan})
        print(f"u0001 on plan {plan}: {answer.variant}, because of {answer.rule or answer.reason}")

    at_10 = flag.assign(users)
    print(f"\nWhat {len(users):,} users are served, and why:")
    print(pd.crosstab(at_10["variant"], at_10["reason"]))

    flag = flag.rollout(25, why="a week without complaints")
    at_25 = flag.assign(users)
    was_in, is_in = (assigned["reason"] == burgee.Reason.SPLIT for assigned in (at_10, at_25))
    print(f"\nIn the rollout: {was_in.sum():,} users at 10 %, {is_in.sum():,} at 25 %.")
    print(f"Of the first, {(was_in & ~is_in).sum()} fell out and", end=" ")
    print(f"{(at_10['variant'] != at_25['variant'])[was_in].sum()} changed their variant.")

    flag = flag.revert(to=4, why="the support team needs a day")
    print(f"\nReverted: {flag}")
    print(flag.history().frame()[["version", "actor", "change", "why"]].fillna("").to_string(index=False))
