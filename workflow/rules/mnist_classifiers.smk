use rule * from STAGES as PREFIX*


use rule train from STAGES as PREFIX* with:
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(4000),
        runtime=DEMANDS.time(1440, resumes=True),


use rule evaluate from STAGES as PREFIX* with:
    threads: 16
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(6000),
        runtime=DEMANDS.time(240),


# Networks are timed before they are trained: nothing of a run takes part in it.
use rule speed from STAGES as PREFIX* with:
    input:
        runs=[],
