/**
 * nginx, Varnish and Traffic Server as shared caches that keep to the RFCs as well as their options let them: what their
 * manuals have for that is switched on, and nothing is added that they do not do by themselves.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPeer } from '../bench/peers.ts'
import type { ServerProcess } from '../bench/processes.ts'
import { prepareTrafficServer } from '../bench/traffic-server.ts'
import { findProgram } from '../support/programs.ts'

export interface Peer {
  readonly name: string
  readonly program: string
  start(originPort: number): Promise<ServerProcess>
}

const PEERS: readonly Peer[] = [
  { name: 'nginx', program: 'nginx', start: startNginx },
  { name: 'Varnish', program: 'varnishd', start: startVarnish },
  { name: 'Traffic Server', program: 'traffic_server', start: startTrafficServer },
]

/** Those that are installed. */
export function installedPeers(): readonly Peer[] {
  return PEERS.filter(({ program }) => findProgram(program) !== undefined)
}

function startNginx(originPort: number): Promise<ServerProcess> {
  return startPeer('nginx', (folder, port) => {
    mkdirSync(join(folder, 'cache'))
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      `daemon off; worker_processes 1; user root; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; merge_slashes off; ignore_invalid_headers off; underscores_in_headers on;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/temp;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=cases:16m max_size=512m inactive=1h use_temp_path=off;
  upstream origin { server 127.0.0.1:${originPort} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_cache cases; proxy_cache_key $host$request_uri; proxy_cache_lock on;
      proxy_cache_revalidate on; proxy_cache_background_update on;
    }
  }
}
`,
    )
    return ['nginx', '-p', folder, '-c', file, '-e', join(folder, 'error.log')]
  })
}

function startVarnish(originPort: number): Promise<ServerProcess> {
  return startPeer('varnishd', (folder, port) => [
    ...['varnishd', '-F', '-j', 'none', '-n', join(folder, 'varnish'), '-s', 'malloc,256m'],
    // Without grace of its own: stale answers are the origin's to permit.
    ...['-p', 'default_grace=0', '-p', 'default_keep=3600', '-p', 'thread_pools=1', '-p', 'thread_pool_min=100'],
    ...['-a', `127.0.0.1:${port}`, '-b', `127.0.0.1:${originPort}`],
  ])
}

function startTrafficServer(originPort: number): Promise<ServerProcess> {
  return startPeer('traffic_server', (folder, port) =>
    prepareTrafficServer(folder, {
      port,
      originPort,
      storageMegabytes: 256,
      records: [
        'CONFIG proxy.config.http.cache.cache_responses_to_cookies INT 1',
        'CONFIG proxy.config.http.cache.ignore_client_cc_max_age INT 1',
        'CONFIG proxy.config.http.negative_revalidating_enabled INT 0',
        'CONFIG proxy.config.http.connect_attempts_max_retries INT 0',
        'CONFIG proxy.config.url_remap.pristine_host_hdr INT 1',
      ],
    }),
  )
}
