// The Kubernetes client for Node.js as a program uses it: with the kubeconfig that the server wrote.
import { ApiException, KubeConfig, type KubernetesObject } from '@kubernetes/client-node'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'

export const GROUP = 'virtualization.deckhouse.io'
export const VERSION = 'v1alpha2'
export const DISKS = { group: GROUP, version: VERSION, namespace: 'default', plural: 'virtualdisks' } as const
export const DISKS_PATH = `/apis/${GROUP}/${VERSION}/namespaces/default/virtualdisks`

export interface Disk extends KubernetesObject {
  readonly spec: { readonly persistentVolumeClaim: { readonly size: string } }
  readonly status?: Readonly<Record<string, unknown>>
}

export const disk = (name: string, size = '1Gi', labels: Record<string, string> = {}): Disk => ({
  apiVersion: `${GROUP}/${VERSION}`,
  kind: 'VirtualDisk',
  metadata: { name, namespace: 'default', labels },
  spec: { persistentVolumeClaim: { size } },
})

export interface World {
  readonly api: TestApiServer
  readonly config: KubeConfig
}

export async function startWorld(): Promise<World> {
  const api = await startApiServer()
  const config = new KubeConfig()
  config.loadFromFile(api.kubeconfig)
  return { api, config }
}

/** The code and the `Status` that the client hands on when it is refused. */
export async function refusal(promise: Promise<unknown>) {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ApiException)) throw new Error('the client was not refused', { cause: error })
  const body: unknown = typeof error.body === 'string' ? JSON.parse(error.body) : error.body
  return {
    code: error.code,
    status: body as { reason: string; message: string; details: { causes?: { field: string }[] } },
  }
}
