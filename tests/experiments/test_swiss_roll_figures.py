"""What the figures of the swiss roll say of the schedule."""

from kanpipe.diffusion.schedules import constant_schedule
from kanpipe.experiments.swiss_roll.figures import end_of


def test_words_on_the_last_time_are_those_of_the_schedule():
    published, to_noise = constant_schedule(250, 0.025**2), constant_schedule(250, 0.03)
    assert "is 0.85:" in end_of(published) and "is not the noise" in end_of(published)
    assert "0.92\\, x_0 + 0.38" in end_of(published)
    assert "is nearly the noise" in end_of(to_noise) and "0.02\\, x_0 + 1.00" in end_of(to_noise)
