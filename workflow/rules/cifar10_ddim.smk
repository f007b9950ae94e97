use rule * from STAGES as PREFIX*


use rule train from STAGES as PREFIX* with:
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(12000),
        runtime=DEMANDS.time(720, resumes=True),


# Finished shards are kept beside the output: a job that is stopped goes on where it was.
use rule sample from STAGES as PREFIX* with:
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(8000),
        runtime=DEMANDS.time(720, resumes=True),


# Networks look at many images. What they find is kept in the data folder: a job that is stopped goes on where it was.
use rule evaluate from STAGES as PREFIX* with:
    threads: 16
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(12000),
        runtime=DEMANDS.time(480, resumes=True),


use rule speed from STAGES as PREFIX* with:
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(12000),
        runtime=DEMANDS.time(60),
        slurm_extra="--exclusive",
