"""Flows that draw in few steps and try few styles, for tests of what is done with the images.

By default a drawing asks the network 35 times, and each new style is compared with hundreds of known ones.
"""

from contextlib import contextmanager

import pytest

from genjax.families.flow import options, styles

STEPS = 4
ROUNDS = ((1, 1, 16), (4, 1, 1))
CODE = f"""
from genjax.families.flow import options as flow_options, styles as flow_styles
flow_options.STEPS, flow_styles.ROUNDS = {STEPS}, {ROUNDS}
"""  # of a process of its own


@contextmanager
def quicker_flows():
    """Inside, flows are quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "STEPS", STEPS)
        patch.setattr(styles, "ROUNDS", ROUNDS)
        yield
