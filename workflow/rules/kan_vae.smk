use rule * from STAGES as PREFIX*


# Networks look at many images. Statistics of features are kept in the data folder: a job that is stopped goes on where
# it was.
use rule evaluate from STAGES as PREFIX* with:
    threads: 16
    resources:
        gpu=GPU,
        mem_mb=DEMANDS.memory(8000),
        runtime=DEMANDS.time(480, resumes=True),
