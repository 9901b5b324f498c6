// What a scheduler says of an image while no host speaks of it.
import { defineConditions } from '../../../lib/conditions.ts'

export const CLUSTER_IMAGE_CONDITIONS = defineConditions('VirtualImage, ClusterVirtualImage (said by a scheduler)', {
  Ready: {
    means: 'The image can be used.',
    reasons: {
      ProvisioningNotStarted: {
        status: 'False',
        means:
          'One host imports the image, the others copy it from there; the message says which host that is, or why there is none.',
        todo: 'With no host: see `kubectl get nodes`. It begins by itself as soon as one is ready.',
      },
    },
  },
})
