"""What a plan means: the answer in one sentence, tables of reasons, and the command line.

Reports read plans; they solve nothing themselves except by calling the optimizer's front door.
"""
