output "policy" {
  description = "The policy of the role, as JSON: for `aws_iam_policy`, and for the policies of its keys."
  value       = local.policy

  precondition {
    condition     = length(local.all_applications) > 0
    error_message = "The scope has no application: name one in applications or tenants."
  }

  precondition {
    condition     = var.role == "auditor" || local.keyless || length(var.key_arns) > 0
    error_message = "The scope has no master key: name one in key_arns."
  }

  precondition {
    condition     = !contains(["intake", "responder"], var.role) || (var.organisation_keys != "" && !contains(local.all_applications, var.organisation_keys))
    error_message = "An intake and a responder need organisation_keys: an application that is none of the others."
  }

  precondition {
    condition     = var.role != "rotator" || !var.migration || var.format_0
    error_message = "A migration opens secrets in format 0: set format_0, and take it away afterwards."
  }

  precondition {
    condition     = alltrue([for arn in local.looked_up : split(":", arn)[1] == split(":", var.table_arn)[1]])
    error_message = "A key and the table are in different partitions of AWS: no role has rights in both."
  }

  precondition {
    condition     = length(local.policy) <= 6144
    error_message = "IAM takes 6,144 characters: give each policy fewer applications, and a role several policies."
  }
}
