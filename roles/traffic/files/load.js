// Copyright: Contributors to the progressive.delivery collection
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A load of constant rate. Its parameters are JSON in the environment variable TRAFFIC: what the filter traffic_load
// returns. It prints, each on a line of its own, what the filter traffic_report reads:
//   {"started": ms, "name", "rate", "seconds", "paths": [...]}                               once, at the beginning
//   [number, time in ms, latency in ms, status, client, path, version or "" or null, error]  for each request
//   {"ended": ms, "complete": whether it ran for its whole time, "dropped": number}          once, at the end

import exec from 'k6/execution';
import http from 'k6/http';

const load = JSON.parse(__ENV.TRAFFIC);

export const options = {
  discardResponseBodies: true,
  hosts: load.hosts,
  systemTags: [], // k6's own metrics would only repeat what the lines say
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate: load.rate,
      timeUnit: '1s',
      duration: `${load.seconds}s`,
      preAllocatedVUs: load.in_flight,
      maxVUs: load.in_flight,
      gracefulStop: `${load.timeout + 1}s`, // whatever has begun shall end
    },
  },
};

const weight = load.paths.reduce((sum, path) => sum + path.weight, 0);
const versionHeader = canonical(load.version_header);
// Cookie jars of the clients that are played in this instance of the script. Each client belongs to one of them, so
// that its jar has all its cookies.
const jars = {};

export function setup() {
  const { name, rate, seconds } = load;
  print({ started: Date.now(), name, rate, seconds, paths: load.paths.map(wholePath) });
}

export default function () {
  const number = exec.scenario.iterationInTest;
  const client = nextClient();
  const path = anyPath();
  const time = Date.now();
  const answer = http.request(load.method, load.url + load.paths[path].path, load.body || null, {
    jar: jars[client],
    cookies: load.cookies,
    headers: load.headers,
    redirects: 0,
    timeout: `${load.timeout}s`,
  });
  const latency = Math.round(answer.timings.duration * 1000) / 1000;
  const sample = [number, time, latency, answer.status, client, path, versionOf(answer)];
  print(answer.status === 0 ? [...sample, answer.error] : sample);
}

export function handleSummary(data) {
  const dropped = data.metrics.dropped_iterations;
  print({
    ended: Date.now(),
    complete: data.state.testRunDurationMs >= load.seconds * 1000,
    dropped: dropped ? dropped.values.count : 0,
  });
  return {};
}

function wholePath(entry) {
  return (load.url + entry.path).replace(/^[^:]+:\/\/[^/?]*/, '') || '/';
}

function print(line) {
  console.log(JSON.stringify(line));
}

// The clients of this instance take turns: instance i of n plays i, i + n, i + 2n, ...
function nextClient() {
  const first = exec.vu.idInTest - 1;
  const mine = Math.ceil((load.clients - first) / load.in_flight);
  const client = first + load.in_flight * (exec.vu.iterationInScenario % mine);
  jars[client] = jars[client] || new http.CookieJar();
  return client;
}

function anyPath() {
  let left = Math.random() * weight;
  return Math.max(load.paths.findIndex((path) => (left -= path.weight) < 0), 0);
}

// null: no version has answered. Envoy marks every answer as its own server's, and those that it has from behind it
// with the time that they took there.
function versionOf(answer) {
  const headers = answer.headers;
  const own = /envoy/.test(headers.Server || '') && !('X-Envoy-Upstream-Service-Time' in headers);
  return headers[versionHeader] || (answer.status === 0 || own ? null : '');
}

function canonical(header) {
  return header.toLowerCase().replace(/(^|-)[a-z]/g, (initial) => initial.toUpperCase());
}
