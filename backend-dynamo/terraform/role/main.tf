# The statements of one role, the same as those of `secret_store_dynamo::policy`. Its documentation says why each is there.

locals {
  all_applications = distinct(concat(var.applications, flatten(values(var.tenants))))

  # Partitions.
  current     = local.all_applications
  histories   = [for application in local.all_applications : "~h~${application}"]
  settings    = [for application in local.all_applications : "~s~${application}"]
  tenant_keys = [for tenant in keys(var.tenants) : "~k~${tenant}"]
  audit_log   = [for application in local.all_applications : "~a?~${application}" if var.audit_log]

  # Of the layers above the store.
  marks       = [for application in local.all_applications : "~n~${application}"]
  credentials = [for application in local.all_applications : "~c~${application}"]
  refusals    = [for application in [var.organisation_keys] : "~a?~${application}" if var.audit_log]

  # Keys.
  keys     = concat(var.key_arns, var.recovery_key_arns)
  moving   = length(var.target_key_arns) > 0
  wrapping = local.moving ? var.target_key_arns : var.key_arns

  gets = concat(["dynamodb:GetItem"], [for action in ["dynamodb:BatchGetItem"] : action if var.batches])

  appends = concat(["dynamodb:PutItem"], local.gets)

  on_items = {
    reader = [
      { sid = "ReadSecrets", actions = concat(local.gets, ["dynamodb:Query"]), partitions = concat(local.current, [for partition in local.histories : partition if var.history]) },
      { sid = "ReadSettings", actions = ["dynamodb:GetItem"], partitions = [for partition in local.settings : partition if var.format_0] },
      { sid = "ReadTenantKeys", actions = ["dynamodb:GetItem"], partitions = local.tenant_keys },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    writer = [
      { sid = "ReadState", actions = local.gets, partitions = concat(local.current, local.histories, local.settings) },
      { sid = "ReadHistory", actions = ["dynamodb:Query"], partitions = local.histories },
      { sid = "WriteSecrets", actions = ["dynamodb:PutItem", "dynamodb:ConditionCheckItem"], partitions = concat(local.current, local.histories) },
      { sid = "DeleteRecords", actions = ["dynamodb:DeleteItem"], partitions = concat([for partition in local.current : partition if var.deletes], [for partition in local.histories : partition if var.pruning]) },
      { sid = "KeepTenantKeys", actions = concat(local.gets, ["dynamodb:PutItem"]), partitions = local.tenant_keys },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    rotator = [
      { sid = "ListRecords", actions = ["dynamodb:Query"], partitions = concat(local.current, local.histories, local.tenant_keys) },
      { sid = "ReadSeveralRecords", actions = ["dynamodb:BatchGetItem"], partitions = [for partition in concat(local.current, local.histories, local.tenant_keys, local.settings) : partition if var.batches] },
      { sid = "RewriteRecords", actions = ["dynamodb:GetItem", "dynamodb:PutItem"], partitions = concat(local.current, local.histories, local.tenant_keys, local.settings) },
      { sid = "CheckRecords", actions = ["dynamodb:ConditionCheckItem"], partitions = concat([for partition in local.histories : partition if var.migration], [for partition in local.tenant_keys : partition if var.tenant_rotation]) },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    auditor = [
      { sid = "ListRecords", actions = ["dynamodb:Query"], partitions = concat(local.current, local.histories) },
      { sid = "ReadAuditEntries", actions = ["dynamodb:Query"], partitions = local.audit_log },
    ]
    intake = [
      { sid = "ReadState", actions = local.gets, partitions = concat(local.current, local.histories, local.settings) },
      { sid = "ReadHistory", actions = ["dynamodb:Query"], partitions = [for partition in local.histories : partition if var.format_0] },
      { sid = "PutSecrets", actions = ["dynamodb:PutItem"], partitions = concat(local.current, local.histories) },
      { sid = "CheckNumbers", actions = ["dynamodb:ConditionCheckItem"], partitions = local.histories },
      { sid = "DeleteRecords", actions = ["dynamodb:DeleteItem"], partitions = [for partition in local.histories : partition if var.pruning] },
      { sid = "KeepTenantKeys", actions = concat(local.gets, ["dynamodb:PutItem"]), partitions = local.tenant_keys },
      { sid = "ReadOrganisationKeys", actions = ["dynamodb:GetItem"], partitions = [var.organisation_keys] },
      { sid = "AppendRefusals", actions = local.appends, partitions = local.refusals },
      { sid = "UseMarks", actions = ["dynamodb:GetItem", "dynamodb:PutItem"], partitions = local.marks },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    responder = [
      { sid = "ReadSecrets", actions = local.gets, partitions = local.current },
      { sid = "ReadSettings", actions = ["dynamodb:GetItem"], partitions = [for partition in local.settings : partition if var.format_0] },
      { sid = "ReadTenantKeys", actions = ["dynamodb:GetItem"], partitions = local.tenant_keys },
      { sid = "ReadOrganisationKeys", actions = ["dynamodb:GetItem"], partitions = [var.organisation_keys] },
      { sid = "AppendRefusals", actions = local.appends, partitions = local.refusals },
      { sid = "UseMarks", actions = ["dynamodb:GetItem", "dynamodb:PutItem"], partitions = local.marks },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    marker = [
      { sid = "UseMarks", actions = ["dynamodb:GetItem", "dynamodb:PutItem"], partitions = local.marks },
    ]
    sweeper = [
      { sid = "SweepMarks", actions = ["dynamodb:Query", "dynamodb:DeleteItem"], partitions = local.marks },
    ]
    credential_intake = [
      { sid = "TakeCredentials", actions = concat(local.gets, ["dynamodb:PutItem", "dynamodb:ConditionCheckItem"]), partitions = local.credentials },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
      { sid = "ReadSecrets", actions = ["dynamodb:GetItem"], partitions = [for partition in local.current : partition if var.opening] },
      { sid = "ReadTenantKeys", actions = ["dynamodb:GetItem"], partitions = [for partition in local.tenant_keys : partition if var.opening] },
    ]
    credential_user = [
      { sid = "ReadSecrets", actions = ["dynamodb:GetItem"], partitions = local.current },
      { sid = "ReadTenantKeys", actions = ["dynamodb:GetItem"], partitions = local.tenant_keys },
      { sid = "UseCredentials", actions = concat(["dynamodb:GetItem"], [for action in ["dynamodb:PutItem"] : action if var.removals]), partitions = local.credentials },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
    credential_keeper = [
      { sid = "ReadState", actions = local.gets, partitions = concat(local.current, local.histories, local.settings) },
      { sid = "ReadHistory", actions = ["dynamodb:Query"], partitions = [for partition in local.histories : partition if var.format_0] },
      { sid = "PutSecrets", actions = ["dynamodb:PutItem"], partitions = local.current },
      { sid = "CheckNumbers", actions = ["dynamodb:ConditionCheckItem"], partitions = local.histories },
      { sid = "DeleteRecords", actions = ["dynamodb:DeleteItem"], partitions = [for partition in concat(local.current, local.histories) : partition if var.credential_rotation] },
      { sid = "KeepTenantKeys", actions = concat(local.gets, ["dynamodb:PutItem"]), partitions = local.tenant_keys },
      { sid = "ListKeys", actions = ["dynamodb:Query"], partitions = local.current },
      { sid = "ShredKeys", actions = ["dynamodb:Query", "dynamodb:PutItem"], partitions = [for partition in local.histories : partition if var.credential_rotation] },
      { sid = "KeepCredentialKeys", actions = concat(["dynamodb:GetItem", "dynamodb:PutItem"], [for action in ["dynamodb:Query", "dynamodb:ConditionCheckItem"] : action if var.credential_rotation]), partitions = local.credentials },
      { sid = "AppendAuditEntries", actions = local.appends, partitions = local.audit_log },
    ]
  }

  from = var.other_region ? "kms:Decrypt" : "kms:ReEncryptFrom"
  to   = var.other_region ? "kms:Encrypt" : "kms:ReEncryptTo"

  opens = [
    { sid = "UnwrapDocumentKeys", contexts = "documents", actions = ["kms:Decrypt"], keys = local.keys },
    { sid = "UnwrapTenantKeys", contexts = "tenants", actions = ["kms:Decrypt"], keys = local.keys },
    { sid = "UnwrapFormat0", contexts = "nothing", actions = ["kms:Decrypt"], keys = var.key_arns },
  ]

  on_keys = {
    reader = local.opens
    writer = [
      { sid = "MakeDocumentKeys", contexts = "documents", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "WrapForRecovery", contexts = "documents", actions = ["kms:Encrypt"], keys = var.recovery_key_arns },
      { sid = "MakeTenantKeys", contexts = "tenants", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "UnwrapTenantKeys", contexts = "tenants", actions = ["kms:Decrypt"], keys = local.keys },
      { sid = "MakeFormat0Keys", contexts = "nothing", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
    ]
    rotator = [
      { sid = "RewrapDocumentKeysFrom", contexts = "documents", actions = [local.from], keys = [for key in var.key_arns : key if local.moving] },
      { sid = "RewrapDocumentKeysTo", contexts = "versions", actions = distinct([local.to, "kms:ReEncryptFrom", "kms:ReEncryptTo"]), keys = var.target_key_arns },
      { sid = "RewrapTenantKeysFrom", contexts = "tenants", actions = [local.from], keys = [for key in var.key_arns : key if local.moving] },
      { sid = "RewrapTenantKeysTo", contexts = "tenants", actions = [local.to], keys = var.target_key_arns },
      { sid = "TryTargets", contexts = "trials", actions = concat(["kms:Decrypt"], [for action in ["kms:GenerateDataKey"] : action if !var.migration]), keys = [for key in var.target_key_arns : key if !var.document_rotation] },
      { sid = "UnwrapDocumentKeys", contexts = "documents", actions = ["kms:Decrypt"], keys = [for key in concat(var.key_arns, var.target_key_arns) : key if var.document_rotation] },
      { sid = "MakeDocumentKeys", contexts = "documents", actions = ["kms:GenerateDataKey"], keys = [for key in local.wrapping : key if var.document_rotation || var.migration] },
      { sid = "UnwrapTenantKeys", contexts = "tenants", actions = ["kms:Decrypt"], keys = [for key in concat(var.key_arns, var.target_key_arns) : key if var.document_rotation || var.migration || var.tenant_rotation] },
      { sid = "MakeTenantKeys", contexts = "tenants", actions = ["kms:GenerateDataKey"], keys = [for key in local.wrapping : key if var.migration || var.tenant_rotation] },
      { sid = "UnwrapFormat0", contexts = "nothing", actions = ["kms:Decrypt"], keys = [for key in var.key_arns : key if var.migration] },
    ]
    auditor = []
    intake = [
      { sid = "MakeDocumentKeys", contexts = "documents", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "WrapForRecovery", contexts = "documents", actions = ["kms:Encrypt"], keys = var.recovery_key_arns },
      { sid = "MakeTenantKeys", contexts = "tenants", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "UnwrapTenantKeys", contexts = "tenants", actions = ["kms:Decrypt"], keys = local.keys },
      { sid = "MakeFormat0Keys", contexts = "nothing", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "UnwrapDocumentKeys", contexts = "documents", actions = ["kms:Decrypt"], keys = [for key in local.keys : key if var.expected_versions] },
      { sid = "OpenOrganisationKeys", contexts = "organisations", actions = ["kms:Decrypt"], keys = local.keys },
    ]
    responder = concat(local.opens, [
      { sid = "OpenOrganisationKeys", contexts = "organisations", actions = ["kms:Decrypt"], keys = local.keys },
    ])
    marker            = []
    sweeper           = []
    credential_intake = [for right in local.opens : right if var.opening]
    credential_user   = local.opens
    credential_keeper = [
      { sid = "MakeDocumentKeys", contexts = "documents", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "WrapForRecovery", contexts = "documents", actions = ["kms:Encrypt"], keys = var.recovery_key_arns },
      { sid = "MakeTenantKeys", contexts = "tenants", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "UnwrapTenantKeys", contexts = "tenants", actions = ["kms:Decrypt"], keys = local.keys },
      { sid = "MakeFormat0Keys", contexts = "nothing", actions = ["kms:GenerateDataKey"], keys = var.key_arns },
      { sid = "UnwrapDocumentKeys", contexts = "documents", actions = ["kms:Decrypt"], keys = local.keys },
    ]
  }

  # Who verifies, marks and sweeps has nothing to do with keys.
  keyless = contains(["marker", "sweeper"], var.role) || (var.role == "credential_intake" && !var.opening)

  looked_up = concat(local.keys, [for key in var.target_key_arns : key if var.role == "rotator"])

  is_used = {
    documents     = length(var.applications) > 0
    organisations = true
    versions      = length(var.applications) > 0
    trials        = length(var.applications) > 0
    tenants       = length(var.tenants) > 0
    nothing       = var.format_0
  }

  contexts = {
    documents = {
      StringEquals = {
        "kms:EncryptionContext:ss:store"       = [var.store]
        "kms:EncryptionContext:ss:purpose"     = ["3"]
        "kms:EncryptionContext:ss:application" = var.applications
      }
    }
    organisations = {
      StringEquals = {
        "kms:EncryptionContext:ss:store"       = [var.store]
        "kms:EncryptionContext:ss:purpose"     = ["3"]
        "kms:EncryptionContext:ss:application" = [var.organisation_keys]
      }
    }
    versions = {
      StringEquals = {
        "kms:EncryptionContext:ss:store"       = [var.store]
        "kms:EncryptionContext:ss:purpose"     = ["3"]
        "kms:EncryptionContext:ss:application" = var.applications
      }
      StringNotEquals = {
        "kms:EncryptionContext:ss:version" = ["0"]
      }
    }
    trials = {
      StringEquals = {
        "kms:EncryptionContext:ss:store"       = [var.store]
        "kms:EncryptionContext:ss:purpose"     = ["3"]
        "kms:EncryptionContext:ss:application" = var.applications
        "kms:EncryptionContext:ss:version"     = ["0"]
      }
    }
    tenants = {
      StringEquals = {
        "kms:EncryptionContext:ss:store"   = [var.store]
        "kms:EncryptionContext:ss:purpose" = ["4"]
        "kms:EncryptionContext:ss:tenant"  = keys(var.tenants)
      }
    }
    nothing = {
      Null = {
        "kms:EncryptionContextKeys" = ["true"]
      }
    }
  }

  patterns = ["AppendAuditEntries", "AppendRefusals", "ReadAuditEntries"]

  items = [for right in local.on_items[var.role] : {
    Sid      = right.sid
    Effect   = "Allow"
    Action   = right.actions
    Resource = [var.table_arn]
    # In the partitions of audit entries, `?` stands for a digit.
    Condition = {
      for operator, values in {
        "ForAllValues:StringEquals" = contains(local.patterns, right.sid) ? [] : right.partitions
        "ForAllValues:StringLike"   = contains(local.patterns, right.sid) ? right.partitions : []
        Null                        = ["false"]
      } : operator => { "dynamodb:LeadingKeys" = values } if length(values) > 0
    }
  } if length(right.partitions) > 0]

  uses = [for right in local.on_keys[var.role] : {
    Sid       = right.sid
    Effect    = "Allow"
    Action    = right.actions
    Resource  = right.keys
    Condition = local.contexts[right.contexts]
  } if length(right.keys) > 0 && local.is_used[right.contexts]]

  look_up = [for keys in [local.looked_up] : {
    Sid      = "LookUpKeys"
    Effect   = "Allow"
    Action   = ["kms:DescribeKey"]
    Resource = keys
  } if var.key_lookup && length(keys) > 0 && !local.keyless]

  check = [for table in [var.table_arn] : {
    Sid      = "CheckTable"
    Effect   = "Allow"
    Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups"]
    Resource = [table]
  } if var.table_checks]

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.items, local.uses, local.look_up, local.check)
  })
}
