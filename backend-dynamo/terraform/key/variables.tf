variable "key_arn" {
  description = "The master key, arn:aws:kms:REGION:ACCOUNT:key/ID."
  type        = string

  validation {
    condition     = length(regexall("^arn:[0-9A-Za-z-]+:kms:[0-9A-Za-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", var.key_arn)) == 1
    error_message = "A key is arn:aws:kms:REGION:ACCOUNT:key/ID. Aliases are not taken."
  }
}

variable "administrators" {
  description = "Roles or users that administer the key, besides the account's root user. Without any, the IAM policies of its account decide."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.administrators : length(regexall("^arn:[0-9A-Za-z-]+:iam::[0-9]{12}:(root|(role|user)/[0-9A-Za-z+=,.@_/-]+)$", arn)) == 1])
    error_message = "A role is arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "roles" {
  description = "Who may use the key: a name (Reader), the ARNs of IAM roles or users, and their policy as the role module has it."
  type = list(object({
    name   = string
    arns   = list(string)
    policy = string
  }))
  default = []

  validation {
    condition     = alltrue([for arn in flatten([for role in var.roles : role.arns]) : length(regexall("^arn:[0-9A-Za-z-]+:iam::[0-9]{12}:(root|(role|user)/[0-9A-Za-z+=,.@_/-]+)$", arn)) == 1])
    error_message = "A role is arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "format_0_denied" {
  description = "Denies everybody every use of the key without the encryption context of a store: for after the migration."
  type        = bool
  default     = false
}
