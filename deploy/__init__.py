"""From a clone to a stack in an AWS account, and what keeps it running there."""
