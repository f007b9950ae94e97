use rule * from STAGES as PREFIX*


use rule train from STAGES as PREFIX* with:
    resources:
        gpu=0,  # networks of a few hundred weights: a GPU would wait for its next operation most of the time
        mem_mb=DEMANDS.memory(2000),
        runtime=DEMANDS.time(60, resumes=True),


use rule evaluate from STAGES as PREFIX* with:
    threads: 1
    resources:
        gpu=0,
        mem_mb=DEMANDS.memory(3000),
        runtime=DEMANDS.time(60),
