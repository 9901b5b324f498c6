/** The host's NAT network, the addresses of guests in it, and their MACs. */
export type { LibvirtCall } from './libvirt-call.ts'
export { macAddress } from './mac.ts'
export {
  ensureNatNetwork,
  NAT_NETWORK_UUID,
  type NatNetwork,
  NatNetworkError,
  type NatNetworkOptions,
} from './nat-network.ts'
