# What the fleet of a plan needs, for modules of your own. The values are in argosy.auto.tfvars.json beside this file.

variable "argosy_plan" {
  description = "The plan that these values come from."
  type = object({
    scenario         = string
    title            = string
    status           = string
    scenario_sha256  = string
    argosy           = string
    usd_per_year     = optional(number)
    kg_co2e_per_year = optional(number)
  })
}

variable "argosy_node_groups" {
  description = "Nodes of one type, held one way, in one region. instance_type is null for owned nodes and where the provider's name is not known; nodes counts those of the fullest slot."
  type = map(object({
    region           = string
    provider         = string
    provider_region  = string
    offer            = string
    instance_type    = optional(string)
    accelerator      = string
    devices_per_node = number
    procurement      = string
    nodes            = number
    nodes_by_slot    = map(number)
  }))

  validation {
    condition = alltrue([
      for group in values(var.argosy_node_groups) :
      contains(["owned", "reserved", "on_demand", "spot"], group.procurement)
    ])
    error_message = "procurement is owned, reserved, on_demand or spot."
  }
}

variable "argosy_pools" {
  description = "Replicas that run alike on one node group. checkpoint begins with FILL-IN where only you know it."
  type = map(object({
    node_group          = string
    workload            = string
    checkpoint          = string
    engine              = string
    engine_arguments    = list(string)
    precision           = string
    kv_precision        = string
    devices_per_replica = number
    replicas            = number
    replicas_by_slot    = map(number)
    may_be_down         = optional(number)
  }))
}
