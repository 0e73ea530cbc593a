# The policy of one master key, the same as that of `secret_store_dynamo::policy::KeyPolicy`. Its documentation says why each
# statement is there.

locals {
  root = join(":", ["arn", split(":", var.key_arn)[1], "iam", "", split(":", var.key_arn)[4], "root"])

  administration = merge(
    {
      Sid       = "AdministerKey"
      Effect    = "Allow"
      Principal = { AWS = [local.root] }
      Action = [
        "kms:CancelKeyDeletion",
        "kms:CreateAlias",
        "kms:DeleteAlias",
        "kms:DescribeKey",
        "kms:DisableKey",
        "kms:DisableKeyRotation",
        "kms:EnableKey",
        "kms:EnableKeyRotation",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListGrants",
        "kms:ListKeyPolicies",
        "kms:ListKeyRotations",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:ReplicateKey",
        "kms:RevokeGrant",
        "kms:RotateKeyOnDemand",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateAlias",
        "kms:UpdateKeyDescription",
        "kms:UpdatePrimaryRegion",
      ]
      Resource = ["*"]
    },
    { for element, condition in {
      Condition = { StringEquals = { "aws:PrincipalArn" = concat(var.administrators, [local.root]) } }
    } : element => condition if length(var.administrators) > 0 },
  )

  # The statements of each role on this key; a second role of the same name is Reader2.
  roles = [for index, role in var.roles : {
    prefix     = role.name
    number     = length([for earlier, other in var.roles : earlier if earlier < index && other.name == role.name])
    arns       = role.arns
    accounts   = distinct([for arn in role.arns : join(":", ["arn", split(":", arn)[1], "iam", "", split(":", arn)[4], "root"])])
    statements = [for statement in jsondecode(role.policy).Statement : statement if contains(flatten([statement.Resource]), var.key_arn)]
  }]

  granted = flatten([for role in local.roles : [for statement in role.statements : {
    Sid       = join("", [role.prefix, role.number == 0 ? "" : tostring(role.number + 1), statement.Sid])
    Effect    = "Allow"
    Principal = { AWS = role.accounts }
    Action    = statement.Action
    Resource  = ["*"]
    Condition = merge(lookup(statement, "Condition", {}), {
      StringEquals = merge(lookup(lookup(statement, "Condition", {}), "StringEquals", {}), { "aws:PrincipalArn" = role.arns })
    })
  }]])

  # Every context of a store has `ss:store`, and format 0 has none.
  denied = [for store in ["kms:EncryptionContext:ss:store"] : {
    Sid       = "DenyFormat0"
    Effect    = "Deny"
    Principal = { AWS = ["*"] }
    Action = [
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GenerateDataKeyPair",
      "kms:GenerateDataKeyPairWithoutPlaintext",
      "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ]
    Resource  = ["*"]
    Condition = { Null = { "kms:EncryptionContext:ss:store" = ["true"] } }
  } if var.format_0_denied]

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.administration], local.granted, local.denied)
  })
}
