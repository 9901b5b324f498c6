// `berth-agent --check-config`: what a start would refuse, found without starting or changing anything.
import { checkServerConfig } from '../lib/server/check-config.ts'
import { ConfigError } from '../lib/server/config-error.ts'
import { type AgentConfig, servedOf } from './config.ts'
import { parseSubnet } from './network/choose-subnet.ts'

/** Of a configuration that fits its schema. @throws ConfigError */
export async function checkConfig(config: AgentConfig): Promise<void> {
  const { cidr } = config.network
  if (cidr !== undefined && parseSubnet(cidr) === undefined)
    throw new ConfigError('KEY: …', `network.cidr: ${cidr} is no subnet that can be used`)
  await checkServerConfig(servedOf(config))
}
