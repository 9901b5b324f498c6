// Node labels by which hosts tell their CPU, under the names that DVP's classes and selectors use. Agents write them.

/** `…/<model>: "true"` for each CPU model that starts there. */
export const CPU_MODEL_LABEL = 'cpu-model.node.virtualization.deckhouse.io'
/** `…/<feature>: "true"` for each feature that guests can have. */
export const CPU_FEATURE_LABEL = 'cpu-feature.node.virtualization.deckhouse.io'
export const CPU_VENDOR_LABEL = 'cpu-vendor.node.virtualization.deckhouse.io'
/** `…/<model>: "true"` for the host's own. */
export const HOST_MODEL_LABEL = 'host-model-cpu.node.virtualization.deckhouse.io'
