//! From AWS's codes and texts to a [`FailureClass`]: the only place that knows them.

use super::failure::{FailureClass, Stage};

pub(crate) fn classify(
    service: &str,
    operation: &str,
    stage: Stage,
    code: Option<&str>,
    message: &str,
    status: Option<u16>,
) -> FailureClass {
    match stage {
        Stage::NotConnected => return FailureClass::Unreachable,
        Stage::NotSent if looks_like_missing_credentials(message) => return FailureClass::Credentials,
        Stage::NotSent => return FailureClass::Other,
        Stage::AnswerLost => return FailureClass::Transient,
        Stage::Unreadable => return FailureClass::Unreadable,
        Stage::Answered => {}
    }
    let code = code.unwrap_or_default();
    match (service, code) {
        // The role race of Lambda has two wordings under a code that also means real mistakes (AWS-FACTS C1).
        ("lambda", "InvalidParameterValueException") if is_role_propagation(message) => FailureClass::NotReady,
        // The statement, function or name is there already; everything else under this code is "busy" (AWS-FACTS C2, C5).
        ("lambda", "ResourceConflictException") if message.contains("already exist") => FailureClass::AlreadyExists,
        ("lambda", "ResourceConflictException") => FailureClass::Conflict,
        // One code for "exists already" and for "two writes at once" (AWS-FACTS B1, B3).
        ("apigateway", "ConflictException") if message.contains("already exists") => FailureClass::AlreadyExists,
        ("apigateway", "ConflictException") => FailureClass::Conflict,
        // Names a policy that a list did not show yet (AWS-FACTS D).
        ("iam", "DeleteConflict" | "DeleteConflictException") => FailureClass::InUse,
        ("iam", "ConcurrentModification" | "ConcurrentModificationException") => FailureClass::Conflict,
        // IAM's LimitExceeded is a quota, not a throttle (AWS-FACTS D).
        ("iam", "LimitExceeded" | "LimitExceededException") => FailureClass::Other,
        // A changed public access block needs seconds before a public policy passes (AWS-FACTS E1).
        ("s3", "AccessDenied") if operation == "PutBucketPolicy" && is_public_access_propagation(message) => {
            FailureClass::NotReady
        }
        // Also while a deleted channel holds its name (AWS-FACTS H).
        ("kinesisvideo", "ResourceInUseException") if operation == "CreateSignalingChannel" => {
            FailureClass::AlreadyExists
        }
        ("kinesisvideo", "ResourceInUseException") => FailureClass::Conflict,
        ("kinesisvideo", "NotAuthorizedException") => FailureClass::AccessDenied,
        ("kinesisvideo", "ClientLimitExceededException") => FailureClass::Throttled,
        (_, "OperationAborted" | "OperationAbortedException") => FailureClass::Conflict,
        (
            _,
            "NoSuchBucket"
            | "NoSuchKey"
            | "NotFound"
            | "NotFoundException"
            | "NoSuchEntity"
            | "NoSuchEntityException"
            | "ResourceNotFoundException"
            | "NoSuchTagSet"
            | "NoSuchBucketPolicy"
            | "NoSuchPublicAccessBlockConfiguration"
            | "ServerSideEncryptionConfigurationNotFoundError",
        ) => FailureClass::NotFound,
        (
            _,
            "BucketAlreadyExists"
            | "BucketAlreadyOwnedByYou"
            | "EntityAlreadyExists"
            | "EntityAlreadyExistsException"
            | "ResourceAlreadyExistsException",
        ) => FailureClass::AlreadyExists,
        (
            _,
            "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "RequestTimeTooSkewed"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "AuthFailure"
            | "TokenRefreshRequired"
            | "InvalidToken"
            | "OptInRequired",
        ) => FailureClass::Credentials,
        (
            _,
            "AccessDenied"
            | "AccessDeniedException"
            | "Forbidden"
            | "ForbiddenException"
            | "UnauthorizedOperation"
            | "AllAccessDisabled",
        ) => FailureClass::AccessDenied,
        (
            _,
            "TooManyRequestsException"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
            | "BandwidthLimitExceeded"
            | "RequestThrottledException"
            | "TransactionInProgressException"
            | "ProvisionedThroughputExceededException",
        ) => FailureClass::Throttled,
        (_, "RequestTimeout" | "RequestTimeoutException") => FailureClass::Transient,
        _ => match status {
            Some(429) => FailureClass::Throttled,
            Some(500 | 502 | 503 | 504) => FailureClass::Transient,
            Some(404) => FailureClass::NotFound,
            _ => FailureClass::Other,
        },
    }
}

fn is_role_propagation(message: &str) -> bool {
    message.contains("cannot be assumed")
        || message.contains("The provided execution role does not have permissions")
        || message.contains("valid principal")
        || message.contains("invalid for CreateGrant")
}

/// The bare wording of older paths counts too: whoever really may not put a policy learns it at the deadline.
fn is_public_access_propagation(message: &str) -> bool {
    message.contains("BlockPublicPolicy") || message == "Access Denied"
}

fn looks_like_missing_credentials(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("credential")
        || message.contains("noauthscheme")
        || message.contains("auth scheme")
        || message.contains("token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(service: &str, operation: &str, code: &str, message: &str, status: u16) -> FailureClass {
        classify(service, operation, Stage::Answered, Some(code), message, Some(status))
    }

    #[test]
    fn the_same_code_means_different_things_by_its_text() {
        let race = "The role defined for the function cannot be assumed by Lambda.";
        assert_eq!(
            answered("lambda", "CreateFunction", "InvalidParameterValueException", race, 400),
            FailureClass::NotReady
        );
        assert_eq!(
            answered(
                "lambda",
                "CreateFunction",
                "InvalidParameterValueException",
                "Unzipped size must be smaller",
                400
            ),
            FailureClass::Other
        );
        let busy =
            "The operation cannot be performed at this time. The function is currently in the following state: Pending";
        assert_eq!(
            answered("lambda", "UpdateFunctionCode", "ResourceConflictException", busy, 409),
            FailureClass::Conflict
        );
        let exists = "The statement id (x) provided already exists. Please provide a new statement id, or remove the existing one.";
        assert_eq!(
            answered("lambda", "AddPermission", "ResourceConflictException", exists, 409),
            FailureClass::AlreadyExists
        );
        let function = "Function already exist: webrtc-aws-demo";
        assert_eq!(
            answered("lambda", "CreateFunction", "ResourceConflictException", function, 409),
            FailureClass::AlreadyExists
        );
        let concurrent = "Unable to complete operation due to concurrent modification. Please try again later.";
        assert_eq!(answered("apigateway", "CreateRoute", "ConflictException", concurrent, 409), FailureClass::Conflict);
        let route = "Route with key $default already exists for this API";
        assert_eq!(answered("apigateway", "CreateRoute", "ConflictException", route, 409), FailureClass::AlreadyExists);
        assert_eq!(
            answered("iam", "CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409),
            FailureClass::Other
        );
    }

    #[test]
    fn a_refused_public_policy_waits_but_other_denials_do_not() {
        let refusal = "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::b\" \
                       because public policies are blocked by the BlockPublicPolicy block public access setting.";
        assert_eq!(answered("s3", "PutBucketPolicy", "AccessDenied", refusal, 403), FailureClass::NotReady);
        assert_eq!(answered("s3", "CreateBucket", "AccessDenied", "Access Denied", 403), FailureClass::AccessDenied);
    }

    #[test]
    fn what_was_never_sent_is_told_from_what_may_have_happened() {
        let class = |stage| classify("s3", "CreateBucket", stage, None, "io error", None);
        assert_eq!(class(Stage::NotConnected), FailureClass::Unreachable);
        assert_eq!(class(Stage::AnswerLost), FailureClass::Transient);
        assert_eq!(class(Stage::NotSent), FailureClass::Other);
        let message = "failed to load credentials: the credential provider was not enabled";
        assert_eq!(
            classify("sts", "GetCallerIdentity", Stage::NotSent, None, message, None),
            FailureClass::Credentials
        );
    }

    /// Every text and code that AWS-FACTS C1, C2, C5, B1, B3, B4, D, E1 and E3 name, as the services answer them.
    #[test]
    fn whatever_aws_says_has_its_class() {
        use FailureClass::*;
        let put_policy = "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::b\" \
                          because public policies are blocked by the BlockPublicPolicy block public access setting.";
        let aborted =
            "A conflicting conditional operation is currently in progress against this resource. Please try again.";
        let parameter = "InvalidParameterValueException";
        let state = |state: &str| {
            format!(
                "The operation cannot be performed at this time. The function is currently in the following state: {state}"
            )
        };
        let (pending, deleting) = (state("Pending"), state("Deleting"));
        for (fact, service, operation, code, message, status, class) in [
            (
                "C1",
                "lambda",
                "CreateFunction",
                parameter,
                "The role defined for the function cannot be assumed by Lambda.",
                400,
                NotReady,
            ),
            (
                "C1",
                "lambda",
                "CreateFunction",
                parameter,
                "The provided execution role does not have permissions to call X on Y",
                400,
                NotReady,
            ),
            (
                "C1",
                "lambda",
                "CreateFunction",
                parameter,
                "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant.",
                400,
                NotReady,
            ),
            (
                "C1",
                "lambda",
                "UpdateFunctionConfiguration",
                parameter,
                "InvalidArnException: does not refer to a valid principal",
                400,
                NotReady,
            ),
            (
                "C3",
                "lambda",
                "CreateFunction",
                parameter,
                "Unzipped size must be smaller than 262144000 bytes",
                400,
                Other,
            ),
            ("C2", "lambda", "UpdateFunctionCode", "ResourceConflictException", &pending, 409, Conflict),
            ("C2", "lambda", "DeleteFunction", "ResourceConflictException", &deleting, 409, Conflict),
            (
                "C2",
                "lambda",
                "UpdateFunctionCode",
                "ResourceConflictException",
                "An update is in progress for resource: arn",
                409,
                Conflict,
            ),
            (
                "C5",
                "lambda",
                "AddPermission",
                "ResourceConflictException",
                "The function could not be updated due to a concurrent update operation.",
                409,
                Conflict,
            ),
            (
                "C5",
                "lambda",
                "AddPermission",
                "ResourceConflictException",
                "The statement id (X) provided already exists.",
                409,
                AlreadyExists,
            ),
            (
                "C5",
                "lambda",
                "GetPolicy",
                "ResourceNotFoundException",
                "The resource you requested does not exist.",
                404,
                NotFound,
            ),
            (
                "B1",
                "apigateway",
                "CreateRoute",
                "ConflictException",
                "Route with key $connect already exists for this API",
                409,
                AlreadyExists,
            ),
            ("B1", "apigateway", "CreateStage", "ConflictException", "Stage already exists", 409, AlreadyExists),
            (
                "B3",
                "apigateway",
                "CreateRoute",
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
                409,
                Conflict,
            ),
            ("B3", "apigateway", "CreateDeployment", "TooManyRequestsException", "Too Many Requests", 429, Throttled),
            ("B3", "apigateway", "DeleteApi", "", "Too Many Requests", 429, Throttled),
            (
                "B3",
                "apigateway",
                "GetApi",
                "NotFoundException",
                "Invalid API identifier specified 1:abc",
                404,
                NotFound,
            ),
            (
                "B4",
                "apigateway",
                "DeleteDeployment",
                "ConflictException",
                "Active stages pointing to this deployment must be moved or deleted.",
                409,
                Conflict,
            ),
            ("D", "iam", "CreateRole", "EntityAlreadyExists", "Role with name x already exists.", 409, AlreadyExists),
            (
                "D",
                "iam",
                "DeleteRole",
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
                409,
                InUse,
            ),
            (
                "D",
                "iam",
                "PutRolePolicy",
                "ConcurrentModification",
                "The request was rejected because multiple requests to change this object were submitted simultaneously.",
                409,
                Conflict,
            ),
            ("D", "iam", "CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409, Other),
            ("D", "iam", "GetRole", "Throttling", "Rate exceeded", 400, Throttled),
            ("E1", "s3", "PutBucketPolicy", "AccessDenied", put_policy, 403, NotReady),
            ("E1", "s3", "PutBucketPolicy", "AccessDenied", "Access Denied", 403, NotReady),
            ("E3", "s3", "CreateBucket", "OperationAborted", aborted, 409, Conflict),
            ("E3", "s3", "PutBucketPolicy", "OperationAborted", aborted, 409, Conflict),
            ("E3", "s3", "CreateBucket", "BucketAlreadyOwnedByYou", "you already own it", 409, AlreadyExists),
            ("E3", "s3", "CreateBucket", "BucketAlreadyExists", "not available", 409, AlreadyExists),
            ("E4", "s3", "GetBucketTagging", "NoSuchTagSet", "The TagSet does not exist", 404, NotFound),
            ("F", "s3", "PutObject", "SlowDown", "Please reduce your request rate.", 503, Throttled),
            (
                "F",
                "s3",
                "PutObject",
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to",
                400,
                Transient,
            ),
            ("F", "lambda", "GetFunction", "EC2ThrottledException", "", 502, Throttled),
        ] {
            assert_eq!(
                answered(service, operation, code, message, status),
                class,
                "{fact}: {operation} {code} {message}"
            );
        }
    }

    #[test]
    fn a_server_error_without_a_known_code_may_be_repeated() {
        assert_eq!(answered("lambda", "GetFunction", "ServiceException", "", 500), FailureClass::Transient);
        assert_eq!(answered("lambda", "GetFunction", "", "", 429), FailureClass::Throttled);
    }
}
