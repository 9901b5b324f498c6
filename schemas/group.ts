// DVP's API group and the text forms made of it.

export const GROUP = 'virtualization.deckhouse.io'

/** GroupResource text, as the store names a resource. */
export const dvpResource = (plural: string): string => `${plural}.${GROUP}`
