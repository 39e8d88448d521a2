"""What points buy: kinds of prizes, registered in apps.py."""

from apps.kernel.registries import Registry
from apps.marketing.prizes.registries import Kind

ITEMS: Registry[Kind] = Registry("exchange item")
