/**
 * The files Apache Traffic Server needs to run out of a folder of its own, whoever starts it: nothing of the system's
 * configuration but the parts it cannot do without, no port but the one that is given.
 */

import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TrafficServerOptions {
  readonly port: number
  readonly originPort: number
  readonly storageMegabytes: number
  /** Lines of records.config: `CONFIG name TYPE value`. */
  readonly records: readonly string[]
}

const SYSTEM_CONFIG = '/etc/trafficserver'

/** Writes them into `folder`, which is its to use until it ends, and gives the command that starts it. */
export function prepareTrafficServer(folder: string, options: TrafficServerOptions): string[] {
  const { port, originPort, storageMegabytes, records } = options
  const [config, cache, run, log] = [
    join(folder, 'config'),
    join(folder, 'cache'),
    join(folder, 'run'),
    join(folder, 'log'),
  ]
  if (existsSync(SYSTEM_CONFIG)) cpSync(SYSTEM_CONFIG, config, { recursive: true })
  for (const path of [config, cache, run, log]) mkdirSync(path, { recursive: true })
  writeFileSync(join(config, 'remap.config'), `map / http://127.0.0.1:${originPort}/\n`)
  writeFileSync(join(config, 'storage.config'), `${cache} ${storageMegabytes}M\n`)
  const own = [
    `CONFIG proxy.config.http.server_ports STRING ${port}:ip-in=127.0.0.1`,
    'CONFIG proxy.config.http.cache.http INT 1',
    // A lifetime is not demanded of every answer.
    'CONFIG proxy.config.http.cache.required_headers INT 0',
    'CONFIG proxy.config.diags.output.diag STRING L',
    'CONFIG proxy.config.admin.user_id STRING #-1',
  ]
  writeFileSync(join(config, 'records.config'), `${[...own, ...records].join('\n')}\n`)
  const paths = {
    prefix: folder,
    exec_prefix: '/usr',
    bindir: '/usr/bin',
    sbindir: '/usr/sbin',
    sysconfdir: config,
    datadir: cache,
    includedir: '/usr/include',
    libdir: '/usr/lib',
    libexecdir: '/usr/lib/trafficserver/modules',
    localstatedir: folder,
    runtimedir: run,
    logdir: log,
    cachedir: cache,
  }
  const runRoot = join(folder, 'runroot.yaml')
  writeFileSync(
    runRoot,
    Object.entries(paths)
      .map(([name, path]) => `${name}: ${path}\n`)
      .join(''),
  )
  return ['traffic_server', `--run-root=${runRoot}`]
}
