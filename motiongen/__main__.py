"""`python -m motiongen`: the command, where the package is not installed as one."""

import sys

from motiongen.cli import main

if __name__ == "__main__":
    sys.exit(main())
