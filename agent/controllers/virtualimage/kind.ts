// What is particular to a VirtualImage.
import type { VirtualImage } from '../../../schemas/index.ts'
import { IMAGES } from '../../names.ts'
import type { ImageKind } from './controller.ts'

export const VIRTUAL_IMAGE_KIND: ImageKind<VirtualImage> = {
  resource: IMAGES,
  cleanup: 'virtualization.deckhouse.io/vi-cleanup',
  protection: 'virtualization.deckhouse.io/vi-protection',
  complete: (status) => status,
}
