"""Contenders with Powertools for AWS Lambda (Python): its `kafka` utility and its `batch` utility.

    powertools.py kafka-json | kafka-flow-logs | batch-json <event>
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "contenders"))

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.kafka import ConsumerRecords, SchemaConfig, kafka_consumer

from serve import serve
from sums import Sums


@kafka_consumer(schema_config=SchemaConfig(value_schema_type="JSON"))
def kafka_json(event: ConsumerRecords, context):
    """The `kafka` utility reads each value as JSON."""
    sums = Sums()
    for record in event.records:
        sums.log(record.value, record.original_value)
    return sums


@kafka_consumer
def kafka_flow_logs(event: ConsumerRecords, context):
    """The `kafka` utility reads each value as text."""
    sums = Sums()
    for record in event.records:
        sums.flow_logs(record.value)
    return sums


processor = BatchProcessor(event_type=EventType.Kafka)


def batch_json(event, context):
    """The `batch` utility hands over record by record and collects failures."""
    sums = Sums()

    def handle(record):
        sums.log(record.json_value, record.value)

    answer = process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
    assert answer == {"batchItemFailures": []}, answer
    return sums


HANDLERS = {"kafka-json": kafka_json, "kafka-flow-logs": kafka_flow_logs, "batch-json": batch_json}


def main():
    """Serves rounds from the payload's bytes on, as Lambda's runtime for Python has them."""
    name, event = sys.argv[1:]
    handler, payload = HANDLERS[name], Path(event).read_bytes()
    serve(lambda: handler(json.loads(payload.decode()), None), Sums.digest)


main()
