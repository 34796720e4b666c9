"""The stack that a command works on, found by name with the shell's AWS credentials."""

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.composition import Container
from chalicelib.foundation.aws import client_config
from chalicelib.foundation.settings import Settings


class Stack:
    """A deployed stack, its outputs and parameters. `AWS_ENDPOINT_URL` leads to a local cloud."""

    def __init__(self, name: str) -> None:
        try:
            cloudformation = boto3.client("cloudformation", config=client_config())
            self.region = cloudformation.meta.region_name
            found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(
                f"The stack {name} cannot be read: {error}\n"
                "Check --stack, your AWS credentials and region, and that it is deployed."
            ) from error
        self.parameters = {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in found.get("Parameters", ())
        }
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def _audit_days(self) -> dict[str, int]:
        """Return how long entries of the audit trail are kept, if the stack says so."""
        given = self.parameters.get("AuditDays")
        return {"audit_days": int(given)} if given else {}

    def _quotas(self) -> dict[str, int]:
        """Return what the stack lets a program have of what commands add to."""
        names = {"quota_members": "QuotaMembers", "quota_invitations_a_day": "QuotaInvitationsADay"}
        given = {name: self.parameters.get(parameter) for name, parameter in names.items()}
        return {name: int(value) for name, value in given.items() if value}

    def container(self) -> Container:
        """Build the services on this stack's tables."""
        return Container(
            Settings(
                programs_table=self.outputs["ProgramsTableName"],
                points_table=self.outputs["PointsTableName"],
                staging_queue_url=self.outputs["StagingQueueUrl"],
                boards_table=self.outputs["BoardsTableName"],
                activities_table=self.outputs["ActivitiesTableName"],
                marks_table=self.outputs["MarksTableName"],
                performances_table=self.outputs["PerformancesTableName"],
                reports_table=self.outputs["ReportsTableName"],
                webhooks_table=self.outputs["WebhooksTableName"],
                audit_table=self.outputs["AuditTableName"],
                **self._audit_days(),
                **self._quotas(),
                rewards_table=self.outputs["RewardsTableName"],
                incoming_bucket=self.outputs["IncomingBucketName"],
                videos_bucket=self.outputs["VideosBucketName"],
                notices_table=self.outputs["NoticesTableName"],
                uploads_table=self.outputs["UploadsTableName"],
                arrivals_queue_url=self.outputs["ArrivalsQueueUrl"],
            )
        )
