"""What a model is and can, and whether it is shown; a price per image, and what an image costs us."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0026_roles_of_channels"),
    ]

    operations = [
        *keeping_triggers(
            migrations.RemoveConstraint(
                model_name='modelprice',
                name='chat_modelprice_kind_known',
            ),
            migrations.RemoveConstraint(
                model_name='modelprice',
                name='chat_modelprice_terms',
            ),
            migrations.AddField(
                model_name='answerusage',
                name='images',
                field=models.PositiveSmallIntegerField(default=0, verbose_name='images'),
            ),
            migrations.AddField(
                model_name='chatmodel',
                name='has_reasoning',
                field=models.BooleanField(default=False, verbose_name='thinks before it answers'),
            ),
            migrations.AddField(
                model_name='chatmodel',
                name='has_tools',
                field=models.BooleanField(default=False, verbose_name='uses tools'),
            ),
            migrations.AddField(
                model_name='chatmodel',
                name='has_vision',
                field=models.BooleanField(default=False, verbose_name='sees images'),
            ),
            migrations.AddField(
                model_name='chatmodel',
                name='is_visible',
                field=models.BooleanField(default=True, verbose_name='visible'),
            ),
            migrations.AddField(
                model_name='chatmodel',
                name='kind',
                field=models.CharField(choices=[('text', 'Text'), ('image', 'Images'), ('embedding', 'Embeddings')], default='text', max_length=9, verbose_name='kind'),
            ),
            migrations.AddField(
                model_name='modelprice',
                name='image_milli',
                field=models.PositiveIntegerField(blank=True, null=True, verbose_name='an image'),
            ),
            migrations.AddField(
                model_name='routecost',
                name='image_microyuan',
                field=models.PositiveIntegerField(default=0, verbose_name='an image (millionths of a yuan)'),
            ),
            migrations.AlterField(
                model_name='modelprice',
                name='kind',
                field=models.CharField(choices=[('per_answer', 'Per answer'), ('per_tokens', 'By the token'), ('per_image', 'Per image')], max_length=12, verbose_name='kind'),
            ),
            migrations.AddConstraint(
                model_name='chatmodel',
                constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['text', 'image', 'embedding'])), name='chat_chatmodel_kind_known'),
            ),
            migrations.AddConstraint(
                model_name='chatmodel',
                constraint=models.CheckConstraint(condition=models.Q(('kind', 'text'), models.Q(('has_reasoning', False), ('has_tools', False), ('has_vision', False)), _connector='OR'), name='chat_chatmodel_capabilities_of_text'),
            ),
            migrations.AddConstraint(
                model_name='modelprice',
                constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['per_answer', 'per_tokens', 'per_image'])), name='chat_modelprice_kind_known'),
            ),
            migrations.AddConstraint(
                model_name='modelprice',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer_milli__gt', 0), ('answer_milli__isnull', False), ('cached_milli', None), ('image_milli', None), ('input_milli', None), ('kind', 'per_answer'), ('output_milli', None)), models.Q(models.Q(('input_milli__gt', 0), ('output_milli__gt', 0), _connector='OR'), ('answer_milli', None), ('cached_milli__gte', 0), ('cached_milli__isnull', False), ('image_milli', None), ('input_milli__gte', models.F('cached_milli')), ('input_milli__isnull', False), ('kind', 'per_tokens'), ('output_milli__gte', 0), ('output_milli__isnull', False)), models.Q(('answer_milli', None), ('cached_milli', None), ('image_milli__gt', 0), ('image_milli__isnull', False), ('input_milli', None), ('kind', 'per_image'), ('output_milli', None)), _connector='OR'), name='chat_modelprice_terms'),
            ),
        ),
    ]
