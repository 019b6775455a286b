"""Which parameters the templates are created with: every pair of values of the parameters that conditions depend on, as far
as the template's rules allow the pair.

All combinations would be millions; nearly every fault of a template needs one or two of its options to show.
"""

import itertools
import random

from evaluate import Rules

KAFKA = {"KafkaTopic": "logs", "KafkaSecurityGroup": "{pollers}"}
MSK_ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/logs/6ee3a2b5-0000-4000-8000-000000000000-1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka-abcdef"
NETWORK = {
    "NetworkVpcId": "{vpc}",
    "NetworkSubnets": "{subnet_a},{subnet_b}",
    "NetworkCidrA": "10.0.0.0/16",
    "NetworkRouteTables": "{table}",
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/6ee3a2b5-0000-4000-8000-000000000000"

# Each option with its choices; the first is the default and comes with nothing else set.
OPTIONS = {
    "kafka": {
        "none": {},
        "msk": {"Kafka": "msk", "MskClusterArn": MSK_ARN, **KAFKA},
        "self-managed": {"Kafka": "self-managed", "KafkaBootstrapServers": "b1:9092,b2:9092", "KafkaSubnetA": "{subnet_a}", **KAFKA},
        "self-managed in three zones": {
            "Kafka": "self-managed", "KafkaBootstrapServers": "b1:9092", "KafkaSubnetA": "{subnet_a}",
            "KafkaSubnetB": "{subnet_b}", "KafkaSubnetC": "{subnet_b}", **KAFKA,
        },
        "self-managed on the internet": {"Kafka": "self-managed", "KafkaBootstrapServers": "b1:9092", "KafkaTopic": "logs"},
    },
    "authentication": {"none": {}, "secret": {"KafkaAuthentication": "SASL_SCRAM_512_AUTH", "KafkaSecretArn": SECRET}},
    "pollers": {
        "on demand": {},
        "provisioned": {"KafkaProvisionedPollers": "2"},
        "provisioned, partial": {"KafkaProvisionedPollers": "2", "PartialAnswers": "partial"},
    },
    "failures": {"none": {}, "sqs": {"KafkaOnFailure": "sqs"}, "s3": {"KafkaOnFailure": "s3"}},
    "archive": {"none": {}, "s3": {"KafkaArchive": "s3"}},
    "consumer's reservation": {"none": {}, "some": {"KafkaReservedConcurrency": "10"}},
    "pollers' network": {
        "none": {},
        "endpoints": {"KafkaEndpoints": "create", **NETWORK},
        "endpoints and brokers": {"KafkaEndpoints": "create", "KafkaBrokerSecurityGroup": "{brokers}", **NETWORK},
    },
    "explained from": {
        "nowhere": {},
        "s3": {"ExplainSource": "s3", "FlowLogsLocation": "s3://logs/vpc"},
        "s3 with a key": {"ExplainSource": "s3", "FlowLogsLocation": "s3://logs", "FlowLogsKeyArn": KEY},
        "insights": {"ExplainSource": "insights", "InsightsLogGroup": "/vpc/flow"},
        "athena": {
            "ExplainSource": "athena", "FlowLogsLocation": "s3://logs/vpc", "AthenaDatabase": "vpc", "AthenaTable": "flow",
            "AthenaOutput": "s3://results/tollkeeper",
        },
        "rollups": {"ExplainSource": "rollups"},
    },
    "accounts": {
        "own": {},
        "others": {"Accounts": "own,210987654321", "AccountRoleName": "observer", "AccountExternalId": "hush"},
    },
    "bill": {"each": {}, "payer": {"BillSource": "arn:aws:iam::210987654321:role/payer"}},
    "remediation": {"tagged": {}, "account": {"RemediationScope": "account"}},
    "told": {"nobody": {}, "people": {"AlertEmail": "a@example.com", "AlertHttpsEndpoint": "https://example.com/hook"}},
    "limiter": {
        "none": {},
        "direct": {"Limiter": "direct"},
        "alb": {"Limiter": "alb"},
        "http-api of one's own": {"Limiter": "http-api", "LimiterHttpApiId": "abc123"},
        "http-api made": {"Limiter": "http-api", "LimiterBackendUrl": "https://backend.example.com"},
        "rest-api of one's own": {"Limiter": "rest-api", "LimiterRestApiId": "abc123"},
    },
    "redis": {
        "none": {},
        "url": {"LimiterRedisUrl": "redis://redis:6379", "LimiterOnOutage": "local"},
        "url, in a VPC": {
            "LimiterRedisUrl": "redis://redis:6379", "LimiterOnOutage": "open", "LimiterSubnets": "{subnet_a}",
            "LimiterSecurityGroups": "{group}",
        },
        "url, group made": {
            "LimiterRedisUrl": "redis://redis:6379", "LimiterOnOutage": "open", "LimiterSubnets": "{subnet_a}",
            "LimiterNetwork": "create", "LimiterRedisSecurityGroup": "{group}", **NETWORK,
        },
        "endpoint and secret": {
            "LimiterRedisEndpoint": "redis:6379", "LimiterOnOutage": "open",
            "LimiterRedisSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:redis-abcdef",
        },
        "endpoint and IAM": {
            "LimiterRedisEndpoint": "redis:6379", "LimiterOnOutage": "open", "LimiterRedisIamUser": "limiter",
            "LimiterRedisCacheName": "cache",
        },
        "endpoint and IAM, serverless": {
            "LimiterRedisEndpoint": "redis:6379", "LimiterOnOutage": "open", "LimiterRedisIamUser": "limiter",
            "LimiterRedisCacheName": "cache", "LimiterRedisServerless": "true",
        },
        "cache": {"LimiterCache": "elasticache", "LimiterOnOutage": "closed", "LimiterSubnets": "{subnet_a},{subnet_b}", **NETWORK},
    },
    "limiter's endpoints": {
        "none": {},
        "made": {"LimiterEndpoints": "create"},
        "made, prefix list known": {"LimiterEndpoints": "create", "LimiterDynamoDbPrefixList": "pl-12345678"},
    },
    "overrides": {"none": {}, "table": {"LimiterOverrides": "create"}},
    "limiter's reservation": {"none": {}, "some": {"LimiterReservedConcurrency": "50"}},
    "gateway endpoints": {
        "none": {},
        "s3": {"GatewayEndpoints": "s3", **NETWORK},
        "dynamodb": {"GatewayEndpoints": "dynamodb", **NETWORK},
        "both": {"GatewayEndpoints": "both", **NETWORK, "NetworkCidrB": "10.1.0.0/16", "NetworkCidrC": "10.2.0.0/16"},
    },
    "front": {
        "none": {},
        "hybrid": {
            "Front": "hybrid", "FrontPublicSubnets": "{subnet_a},{subnet_b}", "FrontDomain": "app.example.com",
            "FrontCertificateArn": "{certificate}", **NETWORK,
        },
        "hybrid, logged": {
            "Front": "hybrid", "FrontPublicSubnets": "{subnet_a},{subnet_b}", "FrontDomain": "app.example.com",
            "FrontCertificateArn": "{certificate}", "FrontAccessLogBucket": "access-logs",
            "FrontApiLogs": "true", "FrontEasyPathB": "/healthz", **NETWORK,
        },
        "cloudfront": {
            "Front": "hybrid", "FrontPublicSubnets": "{subnet_a},{subnet_b}", "FrontDomain": "app.example.com",
            "FrontCertificateArn": "{certificate}", "FrontCloudFront": "create",
            "FrontCloudFrontPrefixList": "pl-12345678", "FrontEasyPathB": "/healthz", **NETWORK,
        },
        "cloudfront with a web ACL": {
            "Front": "hybrid", "FrontPublicSubnets": "{subnet_a},{subnet_b}", "FrontDomain": "app.example.com",
            "FrontCertificateArn": "{certificate}", "FrontCloudFront": "create",
            "FrontCloudFrontPrefixList": "pl-12345678",
            "FrontCloudFrontWebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b", **NETWORK,
        },
    },
    "deployment": {"direct": {}, "gradual": {"Deployment": "Canary10Percent5Minutes", "Release": "2026-10-14.1"}},
    "organisation": {
        "free": {},
        "strict": {
            "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary", "RolePath": "/tollkeeper/",
            "LogsKeyArn": KEY, "Tracing": "Active", "ReserveConcurrency": "true",
        },
    },
}  # fmt: skip


def parameters_of(choice):
    """The parameters of a choice for every option."""
    return {name: text for option, chosen in choice.items() for name, text in OPTIONS[option][chosen].items()}


def completed(rules, wanted, uncovered, randomness):
    """A choice for every option that contains the wanted pair, is allowed, and covers many more; None if there is none."""
    best, most = None, -1
    for _ in range(6):
        choice = dict(wanted)
        for option in randomness.sample(list(OPTIONS), len(OPTIONS)):
            if option in choice:
                continue
            names = randomness.sample(list(OPTIONS[option]), len(OPTIONS[option]))
            names.sort(key=lambda name: -sum(frozenset([(option, name), other]) in uncovered for other in choice.items()))
            # What is not chosen yet counts as its default: a rule that wants more is met by a later option or not at all.
            choice[option] = names[0]
        choice = repaired(rules, choice, wanted, randomness)
        if choice is not None:
            covers = sum(frozenset(pair) in uncovered for pair in itertools.combinations(choice.items(), 2))
            if covers > most:
                best, most = choice, covers
    return best


def repaired(rules, choice, wanted, randomness):
    """Changes options until the rules are content; the wanted ones stay."""
    free = [option for option in OPTIONS if option not in wanted]
    for _ in range(40):
        wrong = len(rules.refusals(parameters_of(choice)))
        if wrong == 0:
            return choice
        option = randomness.choice(free)
        for name in OPTIONS[option]:
            changed = {**choice, option: name}
            if len(rules.refusals(parameters_of(changed))) < wrong:
                choice = changed
                break
    return None


def pairwise(template):
    """Choices that together cover every pair that is possible, and the pairs that the rules rule out."""
    randomness, rules = random.Random(7), Rules(template)
    uncovered = {
        frozenset([(a, x), (b, y)]) for a, b in itertools.combinations(OPTIONS, 2) for x in OPTIONS[a] for y in OPTIONS[b]
    }
    nothing = {option: next(iter(names)) for option, names in OPTIONS.items()}
    chosen, impossible = [nothing], set()
    uncovered -= {frozenset(pair) for pair in itertools.combinations(nothing.items(), 2)}
    while uncovered:
        pair = min(uncovered, key=sorted)
        choice = completed(rules, dict(pair), uncovered, randomness)
        if choice is None:
            impossible.add(pair)
            uncovered.discard(pair)
            continue
        chosen.append(choice)
        uncovered -= {frozenset(pair) for pair in itertools.combinations(choice.items(), 2)}
    return chosen, impossible
