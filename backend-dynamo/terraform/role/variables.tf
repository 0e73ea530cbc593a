variable "role" {
  description = "Who the policy is for: reader, writer, rotator or auditor; intake, responder, marker or sweeper; credential_intake, credential_user or credential_keeper."
  type        = string

  validation {
    condition     = contains(["reader", "writer", "rotator", "auditor", "intake", "responder", "marker", "sweeper", "credential_intake", "credential_user", "credential_keeper"], var.role)
    error_message = "The role is none that there is."
  }
}

variable "store" {
  description = "The id of the store."
  type        = string

  validation {
    condition     = length(regexall("[*?$]|[^ -~\u00a0-\u00ff]", var.store)) == 0
    error_message = "The store has a character that means something in policies, or that they cannot hold."
  }
}

variable "table_arn" {
  description = "The table, arn:aws:dynamodb:REGION:ACCOUNT:table/NAME."
  type        = string

  validation {
    condition     = length(regexall("^arn:[0-9A-Za-z-]+:dynamodb:[0-9A-Za-z-]+:[0-9]{12}:table/[0-9A-Za-z_.-]{3,255}$", var.table_arn)) == 1
    error_message = "A table is arn:aws:dynamodb:REGION:ACCOUNT:table/NAME."
  }
}

variable "key_arns" {
  description = "The master keys, arn:aws:kms:REGION:ACCOUNT:key/ID; of a multi-Region key, each replica that is called."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.key_arns : length(regexall("^arn:[0-9A-Za-z-]+:kms:[0-9A-Za-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", arn)) == 1])
    error_message = "A key is arn:aws:kms:REGION:ACCOUNT:key/ID. Aliases are not taken."
  }
}

variable "recovery_key_arns" {
  description = "Master keys under which document keys are wrapped besides: readers decrypt with them, writers encrypt under them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.recovery_key_arns : length(regexall("^arn:[0-9A-Za-z-]+:kms:[0-9A-Za-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", arn)) == 1])
    error_message = "A key is arn:aws:kms:REGION:ACCOUNT:key/ID. Aliases are not taken."
  }
}

variable "applications" {
  description = "Applications whose document keys are wrapped by a master key."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.applications : length(regexall("[*?$]|[^ -~\u00a0-\u00ff]", name)) == 0])
    error_message = "An application has a character that means something in policies, or that they cannot hold."
  }
}

variable "tenants" {
  description = "Applications whose document keys are wrapped by a tenant's key, by tenant."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in concat(keys(var.tenants), flatten(values(var.tenants))) : length(regexall("[*?$]|[^ -~\u00a0-\u00ff]", name)) == 0])
    error_message = "A tenant or application has a character that means something in policies, or that they cannot hold."
  }
}

variable "organisation_keys" {
  description = "The application that holds the keys of organisations, for an intake and a responder: under key_arns, and none of applications and tenants."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("[*?$]|[^ -~\u00a0-\u00ff]", var.organisation_keys)) == 0
    error_message = "The application has a character that means something in policies, or that they cannot hold."
  }
}

variable "format_0" {
  description = "The applications still have secrets in format 0, whose document keys have no encryption context."
  type        = bool
  default     = false
}

variable "batches" {
  description = "Several records may be read in one request (BatchGetItem)."
  type        = bool
  default     = false
}

variable "key_lookup" {
  description = "Programs name keys by alias or key id (DescribeKey)."
  type        = bool
  default     = false
}

variable "table_checks" {
  description = "Programs check the table's settings (DescribeTable, DescribeContinuousBackups)."
  type        = bool
  default     = false
}

variable "audit_log" {
  description = "Programs write their audit entries to the table."
  type        = bool
  default     = false
}

variable "history" {
  description = "A reader reads earlier versions, too."
  type        = bool
  default     = false
}

variable "deletes" {
  description = "A writer deletes secrets; their history stays."
  type        = bool
  default     = false
}

variable "pruning" {
  description = "A writer or intake deletes earlier versions: the store keeps a limited number of them."
  type        = bool
  default     = false
}

variable "target_key_arns" {
  description = "The master keys a rotator moves to."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.target_key_arns : length(regexall("^arn:[0-9A-Za-z-]+:kms:[0-9A-Za-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", arn)) == 1])
    error_message = "A key is arn:aws:kms:REGION:ACCOUNT:key/ID. Aliases are not taken."
  }
}

variable "other_region" {
  description = "A rotator's target is in another region: it decrypts and encrypts, as no ReEncrypt reaches there."
  type        = bool
  default     = false
}

variable "document_rotation" {
  description = "A rotator gives versions new document keys, for which it reads the values."
  type        = bool
  default     = false
}

variable "tenant_rotation" {
  description = "A rotator gives tenants new keys, and retires old ones."
  type        = bool
  default     = false
}

variable "migration" {
  description = "A rotator migrates format 0 to format 1, for which it reads the values."
  type        = bool
  default     = false
}

variable "expected_versions" {
  description = "An intake takes what is sealed for an expected version, for which it reads the current one."
  type        = bool
  default     = false
}

variable "opening" {
  description = "A credential_intake opens what it takes, as there are no verify keys."
  type        = bool
  default     = false
}

variable "removals" {
  description = "A credential_user removes credentials."
  type        = bool
  default     = false
}

variable "credential_rotation" {
  description = "A credential_keeper replaces users' keys, and deletes older ones with their history."
  type        = bool
  default     = false
}
