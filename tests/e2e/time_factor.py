"""How many times as long as on an idle machine things take here and now: limits of time are multiplied with it.

    time_factor.py      prints it, a whole number from 1 on

It is measured once: tools/test puts it into ANCHORD_TIME_FACTOR, which is taken as it is.
"""

import functools
import math
import os
import time

# Seconds that work() takes on an idle core of the machines that the limits were chosen on.
IDLE = 0.2
# A limit that no hanging test reaches within hours is none.
LARGEST = 30


def work():
    total = 0
    for i in range(3_000_000):
        total += i & 3
    return total


def measured():
    """Seconds until as many processes as there are cores have each done the work: tests run side by side."""
    begin = time.monotonic()
    children = []
    for _ in os.sched_getaffinity(0):
        child = os.fork()
        if child == 0:
            work()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return time.monotonic() - begin


@functools.cache
def factor():
    given = os.environ.get("ANCHORD_TIME_FACTOR")
    return int(given) if given else max(1, min(LARGEST, math.ceil(measured() / IDLE)))


if __name__ == "__main__":
    print(factor())
