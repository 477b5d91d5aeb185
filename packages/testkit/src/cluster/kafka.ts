import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { findProgram } from './find-program.ts';
import { findFreePorts } from './free-port.ts';
import { type Command, createServerProgram, runToEnd, type Server } from './program.ts';
import { findRepositoryRoot } from './repository.ts';

const JAVA_MAJOR_MIN = 17;
const INSTALL_JAVA = `install Java ${JAVA_MAJOR_MIN} or newer (Debian: openjdk-17-jre-headless)`;
const INSTALL_KAFKA = 'fetch it with: npm run fetch:kafka (needs maven)';
/** Enough for a few hundred partitions; the serial collector and the first compiler start fastest. */
const JVM_OPTIONS = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const FORMAT_DEADLINE_MS = 60_000;
const READY_DEADLINE_MS = 90_000;

/**
 * One broker in KRaft mode with an empty log, not started yet. Its log survives `kill`: it is on disk.
 *
 * @param advertise given the port it listens on, answers the one that clients are to use: that of something in between
 * @throws Error naming what to install, or with the log of the formatting that failed.
 */
export async function createKafka(
  dir: string,
  logDir: string,
  advertise: (port: number) => Promise<number> = (port) => Promise.resolve(port),
): Promise<Server<'kafka'>> {
  const java = findJava();
  const kafkaDir = path.join(findRepositoryRoot(), 'infra', 'kafka');
  const libs = path.join(kafkaDir, 'target', 'libs');
  if (!existsSync(libs)) throw new Error(`there is no Kafka in infra/kafka/target/libs: ${INSTALL_KAFKA}`);
  const [brokerPort, controllerPort] = await findFreePorts(2);
  const advertisedPort = await advertise(Number(brokerPort));
  const dataDir = path.join(dir, 'kafka');
  mkdirSync(dataDir, { recursive: true });
  const properties = path.join(dir, 'kafka.properties');
  writeFileSync(
    properties,
    fillTemplate(readFileSync(path.join(kafkaDir, 'kraft.properties'), 'utf8'), {
      brokerPort: String(brokerPort),
      advertisedPort: String(advertisedPort),
      controllerPort: String(controllerPort),
      dataDir,
    }),
  );
  const logFile = path.join(logDir, 'kafka.log');
  const runClass = (mainClass: string, ...mainArguments: string[]): Command => ({
    program: java,
    arguments: [
      ...JVM_OPTIONS,
      `-Dlog4j2.configurationFile=${path.join(kafkaDir, 'log4j2.properties')}`,
      '-cp',
      path.join(libs, '*'),
      mainClass,
      ...mainArguments,
    ],
    logFile,
  });
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  // Its first letter would be `-` for one id in 64, which the tool takes for an option.
  id[0] = (id[0] ?? 0) & 0x7f;
  const clusterId = id.toString('base64url');
  await runToEnd(
    'the formatting of Kafka',
    runClass('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties),
    FORMAT_DEADLINE_MS,
  );
  const address = `127.0.0.1:${advertisedPort}`;
  return createServerProgram({
    name: 'kafka',
    address,
    command: runClass('kafka.Kafka', properties),
    isReady: () => isCoordinating(address),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}

/**
 * True once the broker coordinates groups; rejects before. It answers other requests earlier, but the first consumer of a fresh broker
 * would have to wait until the topic of the offsets exists.
 */
async function isCoordinating(address: string): Promise<boolean> {
  const client = new Kafka({
    clientId: 'cluster-readiness',
    brokers: [address],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
  });
  const admin = client.admin();
  try {
    await admin.connect();
    // Makes the client know the broker; with no retries it asks nobody for groups otherwise.
    await admin.describeCluster();
    await admin.describeGroups(['cluster-readiness']);
    return true;
  } finally {
    await admin.disconnect();
  }
}

function findJava(): string {
  const home = process.env['JAVA_HOME'];
  const java = findProgram('java', INSTALL_JAVA, home === undefined ? [] : [path.join(home, 'bin')]);
  const text = execFileSync(java, ['--version'], { encoding: 'utf8' });
  const major = Number(/^\S+ (\d+)/.exec(text)?.[1]);
  if (!(major >= JAVA_MAJOR_MIN)) throw new Error(`${java} says "${text.split('\n')[0]}": ${INSTALL_JAVA}`);
  return java;
}

/** @throws Error for a placeholder without a value. */
function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_placeholder, key: string) => {
    const value = values[key];
    if (value === undefined) {
      throw new Error(`the template names {{${key}}}, there are: ${Object.keys(values).join(', ')}`);
    }
    return value;
  });
}
