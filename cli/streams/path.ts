// Where the streams and pictures of a virtual machine are in the API.

export type StreamName = 'console' | 'vnc' | 'portforward' | 'screenshot'

export function streamPath(namespace: string, vm: string, name: StreamName): string {
  const names = `namespaces/${encodeURIComponent(namespace)}/virtualmachines/${encodeURIComponent(vm)}`
  return `/apis/subresources.virtualization.deckhouse.io/v1alpha2/${names}/${name}`
}
