"""One structured logger. Ids and facts go in; tokens, forms, signatures, names never do."""

from aws_lambda_powertools import Logger

logger = Logger(service="greenroom", utc=True)
