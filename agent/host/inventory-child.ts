/**
 * The child process of inventory.ts: asks systeminformation once, prints JSON, ends. systeminformation runs shells and
 * programs; here it can neither block nor harm the agent, and nothing that a user wrote ever comes in.
 */
import si from 'systeminformation'

const [cpu, os, system, board] = await Promise.all([si.cpu(), si.osInfo(), si.system(), si.baseboard()])
process.stdout.write(
  JSON.stringify({
    cpu: {
      vendor: cpu.manufacturer,
      model: cpu.brand,
      sockets: cpu.processors,
      physicalCores: cpu.physicalCores,
      threads: cpu.cores,
      maxMHz: Math.round(cpu.speedMax * 1000),
    },
    os: { name: os.distro, release: os.release, codename: os.codename, kernel: os.kernel },
    system: { manufacturer: system.manufacturer, model: system.model, uuid: system.uuid, virtual: system.virtual },
    board: { manufacturer: board.manufacturer, model: board.model },
  }),
)
