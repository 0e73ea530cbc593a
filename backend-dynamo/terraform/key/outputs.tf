output "policy" {
  description = "The policy of the key, as JSON: for `aws_kms_key_policy`."
  value       = local.policy

  precondition {
    condition     = alltrue([for role in local.roles : length(role.arns) > 0 && length(role.statements) > 0])
    error_message = "A role has no ARN, or no right on this key: name both, or leave the role out."
  }

  precondition {
    condition     = !var.format_0_denied || length([for sid in local.granted[*].Sid : sid if length(regexall("Format0", sid)) > 0]) == 0
    error_message = "A role uses format 0, which the key policy denies: migrate, and leave format_0 out of its policy."
  }

  precondition {
    condition     = length(local.policy) <= 32768
    error_message = "KMS takes 32,768 bytes: let fewer roles and applications share this key, best one application a key."
  }
}
