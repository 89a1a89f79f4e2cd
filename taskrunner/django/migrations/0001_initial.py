"""The table of results, and the tables of taskrunner where they are not there yet."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

from taskrunner.django.database import make_tables


def _make_tables(apps: Any, schema_editor: Any) -> None:
    make_tables(schema_editor.connection)


class Migration(migrations.Migration):
    """Made once; the tables of taskrunner are brought up to date by taskrunner itself."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar[list[Any]] = [
        migrations.RunPython(_make_tables, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Result",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("adhoc_id", models.BigIntegerField(db_index=True)),
                ("function", models.CharField(max_length=255)),
                ("backend", models.CharField(max_length=255)),
                ("queue_name", models.CharField(max_length=255)),
                ("priority", models.SmallIntegerField(default=0)),
                ("args", models.JSONField(default=list)),
                ("kwargs", models.JSONField(default=dict)),
                ("run_after", models.DateTimeField(null=True)),
                ("enqueued_at", models.DateTimeField(db_index=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("last_attempted_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("succeeded", models.BooleanField(default=False)),
                ("return_value", models.JSONField(null=True)),
                ("errors", models.JSONField(default=list)),
                ("run_ids", models.JSONField(default=list)),
            ],
            options={
                "db_table": "task_django_result",
                "ordering": ("-enqueued_at",),
                "verbose_name": "enqueued task",
            },
        ),
    ]
