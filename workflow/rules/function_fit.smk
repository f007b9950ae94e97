use rule * from STAGES as PREFIX*


use rule train from STAGES as PREFIX* with:
    resources:
        gpu=0,  # networks of a few hundred weights: a GPU would wait for its next operation most of the time
        mem_mb=2000,
        runtime=60,


use rule evaluate from STAGES as PREFIX* with:
    threads: 1
    resources:
        gpu=0,
        mem_mb=3000,
        runtime=60,
