// How one agent asks another for image content: what both sides of the question know.
import { CLUSTER_GROUP } from '../../schemas/index.ts'

/** What the image was when it came from its source; the content does not tell. */
export const SOURCE_FORMAT_HEADER = 'berth-source-format'

/** The path of a digest's content on an agent. */
export const contentPath = (digest: string): string => `/apis/${CLUSTER_GROUP}/v1/imagecontents/${digest}/content`
