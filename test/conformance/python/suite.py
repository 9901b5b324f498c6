# What Python programs do with the API: dynamic client, CustomObjectsApi, CoreV1Api and watches of Debian's python3-kubernetes.
# Environment: KUBECONFIG, BERTH_CACHE (a folder for the dynamic client's discovery).
import json
import os
import threading
import time
import unittest

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, ResourceNotFoundError, UnprocessibleEntityError

GROUP = 'virtualization.deckhouse.io'
VERSION = 'v1alpha2'
API_VERSION = f'{GROUP}/{VERSION}'
JSON = 'application/json-patch+json'
MERGE = 'application/merge-patch+json'
SIZE = '/spec/persistentVolumeClaim/size'


def disk(name, size='1Gi', labels=None):
    return {
        'apiVersion': API_VERSION,
        'kind': 'VirtualDisk',
        'metadata': {'name': name, 'labels': labels or {}},
        'spec': {'persistentVolumeClaim': {'size': size}},
    }


def size(wanted):
    return {'spec': {'persistentVolumeClaim': {'size': wanted}}}


class Dynamic(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = DynamicClient(client.ApiClient(), cache_file=os.path.join(os.environ['BERTH_CACHE'], 'discovery'))
        cls.disks = cls.client.resources.get(api_version=API_VERSION, kind='VirtualDisk')

    def test_discovery(self):
        self.assertIn('berth', self.client.version['kubernetes']['gitVersion'])
        self.assertEqual(('virtualdisks', True), (self.disks.name, self.disks.namespaced))
        self.assertIn('vd', self.disks.short_names)
        self.assertEqual('Namespace', self.client.resources.get(api_version='v1', kind='Namespace').kind)
        for kind in ('VirtualMachine', 'VirtualImage', 'VirtualMachineOperation'):
            self.assertTrue(self.client.resources.get(group=GROUP, kind=kind).namespaced)
        with self.assertRaises(ResourceNotFoundError):
            self.client.resources.get(api_version='v1', kind='Service')

    def test_life_of_an_object(self):
        made = self.disks.create(body=disk('d1', labels={'tier': 'a'}), namespace='default')
        self.assertEqual(('d1', 1), (made.metadata.name, made.metadata.generation))
        self.assertEqual('1Gi', self.disks.get(name='d1', namespace='default').spec.persistentVolumeClaim.size)
        with self.assertRaises(ConflictError):
            self.disks.create(body=disk('d1'), namespace='default')
        with self.assertRaises(ApiException) as refused:
            self.disks.patch(name='d1', namespace='default', body=size('2Gi'))
        self.assertEqual(415, refused.exception.status)
        patched = self.disks.patch(name='d1', namespace='default', body=size('2Gi'), content_type=MERGE)
        self.assertEqual(('2Gi', 2), (patched.spec.persistentVolumeClaim.size, patched.metadata.generation))
        body = made.to_dict()
        with self.assertRaises(ConflictError):
            self.disks.replace(body=body, namespace='default')
        body['metadata']['resourceVersion'] = patched.metadata.resourceVersion
        body['spec']['persistentVolumeClaim']['size'] = '3Gi'
        self.assertEqual('3Gi', self.disks.replace(body=body, namespace='default').spec.persistentVolumeClaim.size)
        status = self.disks.status.patch(
            name='d1', namespace='default', body={'status': {'phase': 'Ready'}}, content_type=MERGE
        )
        self.assertEqual('Ready', status.status.phase)
        change = [{'op': 'replace', 'path': SIZE, 'value': '4Gi'}]
        patched = self.disks.patch(name='d1', namespace='default', body=change, content_type=JSON)
        self.assertEqual('4Gi', patched.spec.persistentVolumeClaim.size)
        dry = self.disks.patch(name='d1', namespace='default', body=size('9Gi'), content_type=MERGE, dry_run='All')
        self.assertEqual('9Gi', dry.spec.persistentVolumeClaim.size)
        self.assertEqual('4Gi', self.disks.get(name='d1', namespace='default').spec.persistentVolumeClaim.size)
        self.disks.delete(name='d1', namespace='default', propagation_policy='Background')
        with self.assertRaises(NotFoundError):
            self.disks.get(name='d1', namespace='default')

    def test_server_side_apply(self):
        # As text: this version of the client can't send an object with apply's content type.
        apply = lambda wanted, manager, **more: self.disks.server_side_apply(
            body=json.dumps(disk('a1', wanted)), name='a1', namespace='default', field_manager=manager, **more
        )
        made = apply('1Gi', 'one')
        self.assertEqual('one', made.metadata.managedFields[0].manager)
        with self.assertRaises(ConflictError):
            apply('2Gi', 'two')
        self.assertEqual('2Gi', apply('2Gi', 'two', force_conflicts=True).spec.persistentVolumeClaim.size)
        self.disks.delete(name='a1', namespace='default')

    def test_selectors_and_pages(self):
        for index in range(4):
            self.disks.create(body=disk(f's{index}', labels={'set': 'p', 'even': str(index % 2 == 0)}), namespace='default')
        names = lambda found: [item.metadata.name for item in found.items]
        self.assertEqual(['s0', 's2'], names(self.disks.get(label_selector='set=p,even=True')))
        self.assertEqual(['s1'], names(self.disks.get(namespace='default', field_selector='metadata.name=s1')))
        first = self.disks.get(namespace='default', label_selector='set=p', limit=3, resource_version='')
        rest = self.disks.get(namespace='default', label_selector='set=p', limit=300, _continue=first.metadata['continue'])
        self.assertEqual(['s0', 's1', 's2', 's3'], names(first) + names(rest))
        self.disks.delete(namespace='default', label_selector='set=p')
        self.assertEqual([], names(self.disks.get(label_selector='set=p')))

    def test_refusal_names_the_field(self):
        with self.assertRaises(UnprocessibleEntityError) as refused:
            self.disks.create(body=disk('wrong', size='many'), namespace='default')
        self.assertIn('spec.persistentVolumeClaim.size', refused.exception.summary())

    def test_watch_from_a_revision(self):
        before = self.disks.get(namespace='default').metadata.resourceVersion
        self.disks.create(body=disk('w1'), namespace='default')
        self.disks.patch(name='w1', namespace='default', body=size('2Gi'), content_type=MERGE)
        self.disks.delete(name='w1', namespace='default')
        seen = []
        for event in self.disks.watch(namespace='default', resource_version=before, timeout=30):
            seen.append((event['type'], event['object'].spec.persistentVolumeClaim.size))
            if len(seen) == 3:
                break
        self.assertEqual([('ADDED', '1Gi'), ('MODIFIED', '2Gi'), ('DELETED', '2Gi')], seen)

    def test_watch_ends_in_time(self):
        started = time.monotonic()
        self.assertEqual([], [*self.disks.watch(namespace='default', label_selector='no=one', timeout=1)])
        self.assertGreater(time.monotonic() - started, 0.9)

    def test_watch_of_one_object(self):
        self.disks.create(body=disk('one'), namespace='default')
        self.disks.create(body=disk('two'), namespace='default')
        events = self.disks.watch(namespace='default', name='one', timeout=30)
        self.assertEqual(('ADDED', 'one'), (lambda event: (event['type'], event['object'].metadata.name))(next(events)))
        events.close()
        self.disks.delete(namespace='default', field_selector='metadata.name=one')
        self.disks.delete(name='two', namespace='default')


class Custom(unittest.TestCase):
    at = {'group': GROUP, 'version': VERSION, 'namespace': 'default', 'plural': 'virtualdisks'}

    def setUp(self):
        self.api = client.CustomObjectsApi()

    def test_life_of_an_object(self):
        made = self.api.create_namespaced_custom_object(**self.at, body=disk('c1'), field_manager='test')
        self.assertEqual('c1', made['metadata']['name'])
        patched = self.api.patch_namespaced_custom_object(**self.at, name='c1', body=size('5Gi'))
        self.assertEqual('5Gi', patched['spec']['persistentVolumeClaim']['size'])
        patched['status'] = {'phase': 'Pending'}
        status = self.api.replace_namespaced_custom_object_status(**self.at, name='c1', body=patched)
        self.assertEqual('Pending', status['status']['phase'])
        found = self.api.list_cluster_custom_object(GROUP, VERSION, 'virtualdisks', field_selector='metadata.name=c1')
        self.assertEqual(1, len(found['items']))
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=made['metadata']['uid']))
        gone = self.api.delete_namespaced_custom_object(**self.at, name='c1', body=options, grace_period_seconds=0)
        self.assertEqual(('Status', 'Success'), (gone['kind'], gone['status']))
        with self.assertRaises(ApiException) as refused:
            self.api.get_namespaced_custom_object(**self.at, name='c1')
        self.assertEqual(404, refused.exception.status)

    def test_a_watch_sees_what_others_write(self):
        timer = threading.Timer(0.3, lambda: self.api.create_namespaced_custom_object(**self.at, body=disk('c2')))
        timer.start()
        stream = watch.Watch()
        for event in stream.stream(self.api.list_namespaced_custom_object, **self.at, timeout_seconds=30):
            if event['object']['metadata']['name'] == 'c2':
                stream.stop()
                break
        timer.join()
        self.assertEqual('ADDED', event['type'])
        self.api.delete_namespaced_custom_object(**self.at, name='c2')

    def test_history_that_is_gone(self):
        with self.assertRaises(ApiException) as refused:
            for _ in watch.Watch().stream(
                self.api.list_namespaced_custom_object, **self.at, resource_version='1', timeout_seconds=30
            ):
                self.fail('an event before the refusal')
        self.assertEqual(410, refused.exception.status)


class Core(unittest.TestCase):
    def setUp(self):
        self.api = client.CoreV1Api()

    def test_namespaces_and_secrets(self):
        self.api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name='py', labels={'a': 'b'})))
        self.assertIn('py', [item.metadata.name for item in self.api.list_namespace(label_selector='a').items])
        meta = client.V1ObjectMeta(generate_name='s-')
        secret = self.api.create_namespaced_secret('py', client.V1Secret(metadata=meta, string_data={'a': 'one'}))
        self.assertRegex(secret.metadata.name, '^s-[a-z0-9]{5}$')
        self.assertEqual({'a': 'b25l'}, secret.data)
        patched = self.api.patch_namespaced_secret(secret.metadata.name, 'py', {'stringData': {'b': 'two'}})
        self.assertEqual({'a': 'b25l', 'b': 'dHdv'}, patched.data)
        self.assertEqual('Success', self.api.delete_namespaced_secret(secret.metadata.name, 'py').status)

    def test_nodes(self):
        self.api.create_node(client.V1Node(metadata=client.V1ObjectMeta(name='h1')))
        taint = client.V1Taint(key='k', value='v', effect='NoSchedule')
        self.api.patch_node('h1', {'spec': {'unschedulable': True, 'taints': [taint]}})
        spec = self.api.read_node('h1').spec
        self.assertEqual((True, 'NoSchedule'), (spec.unschedulable, spec.taints[0].effect))
        self.api.delete_node('h1')

    def test_events(self):
        involved = client.V1ObjectReference(kind='VirtualMachine', namespace='default', name='vm')
        meta = client.V1ObjectMeta(name='vm.1', namespace='default')
        event = client.CoreV1Event(metadata=meta, involved_object=involved, reason='Tested', message='it was', type='Normal')
        self.api.create_namespaced_event('default', event)
        found = self.api.list_event_for_all_namespaces(field_selector='involvedObject.name=vm,reason=Tested').items
        self.assertEqual(['it was'], [item.message for item in found])


if __name__ == '__main__':
    config.load_kube_config(os.environ['KUBECONFIG'])
    unittest.main(verbosity=2)
