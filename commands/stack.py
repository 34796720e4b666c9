"""The stack a command works on, found by its name with the shell's own AWS credentials."""

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.composition import House
from chalicelib.foundation.aws import client_config
from chalicelib.foundation.settings import Settings


class Stack:
    """A deployed stack and its outputs. `AWS_ENDPOINT_URL` leads to a local cloud."""

    def __init__(self, name: str) -> None:
        try:
            cloudformation = boto3.client("cloudformation", config=client_config())
            found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(
                f"The stack {name} cannot be read: {error}\n"
                "Check --stack, your AWS credentials and region, and that it is deployed."
            ) from error
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def house(self) -> House:
        """Build the services on this stack's tables."""
        return House(
            Settings(
                programs_table=self.outputs["ProgramsTableName"],
                points_table=self.outputs["PointsTableName"],
                staging_queue_url=self.outputs["StagingQueueUrl"],
                boards_table=self.outputs["BoardsTableName"],
            )
        )
