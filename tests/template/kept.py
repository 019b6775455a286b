"""What stays when the stack is deleted is what was decided, and everything that holds data says what becomes of it."""

from stack import resources, templates

# Logical id, and why it stays.
KEPT = {
    "Ledger": "incidents, approvals and the journal: what was changed in the network, and how to undo it",
    "KafkaArchiveBucket": "the only copy of what Kafka has forgotten",
    "KafkaFailuresBucket": "records that were counted nowhere yet",
    "RateLimiterOverrides": "people write it",
    "KafkaConsumerVersion": "stays for going back by hand; goes with its function",
    "RateLimiterVersion": "stays for going back by hand; goes with its function",
}
HOLD_DATA = {
    "AWS::DynamoDB::Table",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::KMS::Key",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
}


def differences():
    """One line for each."""
    retained = set()
    for name in templates():
        for logical, resource in resources(name).items():
            if resource.get("DeletionPolicy") == "Retain":
                retained.add(logical)
                if logical not in KEPT:
                    yield f"{name}: {logical} stays when the stack is deleted: say why in KEPT of kept.py, and in the README"
                if resource.get("UpdateReplacePolicy") != "Retain":
                    yield f"{name}: {logical} stays when the stack is deleted, and not when an update replaces it"
            if resource["Type"] in HOLD_DATA and not {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource):
                yield f"{name}: {logical} does not say what becomes of its data"
    for logical in sorted(set(KEPT) - retained):
        yield f"{logical} would go with the stack: {KEPT[logical]}"
